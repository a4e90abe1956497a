//! The words that the glossary has retired: one concept has one word, in all code.
//!
//! The list is the table in `docs/glossary.md`; this file adds none of its own.

use std::path::Path;

use crate::Finding;
use crate::code::without_text;

/// The heading above the table of retired words.
const HEADING: &str = "## Retired words";

/// A retired word and its replacement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RetiredWord {
    word: String,
    replacement: String,
}

/// The rows `| `old` | `new` |` below the heading.
pub(crate) fn retired_words(glossary: &str) -> Vec<RetiredWord> {
    let table = glossary.lines().skip_while(|line| *line != HEADING);
    let cells = |line: &str| {
        let mut spans = line.split('`').skip(1).step_by(2).map(str::to_owned);
        Some(RetiredWord { word: spans.next()?, replacement: spans.next()? })
    };
    table.filter(|line| line.starts_with("| `")).filter_map(cells).collect()
}

/// Each line of code that uses a retired word as a whole identifier.
pub(crate) fn check(file: &Path, text: &str, retired: &[RetiredWord]) -> Vec<Finding> {
    let code = without_text(text);
    let identifiers = code.lines().enumerate().flat_map(|(index, line)| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').map(move |word| (index + 1, word))
    });
    let retired = |word: &str| retired.iter().find(|retired| retired.word == word);
    let finding = |line, RetiredWord { word, replacement }: &RetiredWord| Finding {
        file: file.to_owned(),
        line,
        rule: "retired words",
        remedy: format!("`{word}` is now `{replacement}`, or another noun of the field (docs/glossary.md)"),
    };
    identifiers.filter_map(|(line, word)| Some(finding(line, retired(word)?))).collect()
}

#[test]
fn a_retired_word_is_found_as_a_whole_identifier_in_code_only() {
    let glossary =
        "| `Other` | `x` |\n\n## Retired words\n\n| do not use | use |\n|---|---|\n| `Told` | `Change` |\n";
    let retired = retired_words(glossary);
    assert_eq!(retired, [RetiredWord { word: "Told".into(), replacement: "Change".into() }]);
    let text = "// Told\nlet x: Told = tell(\"Told\");\nstruct ToldTwice;\n";
    let lines: Vec<_> =
        check(Path::new("a.rs"), text, &retired).into_iter().map(|finding| finding.line).collect();
    assert_eq!(lines, [2]);
}
