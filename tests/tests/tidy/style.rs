//! The rules for a single Rust file.
//!
//! Each rule looks at one file only, so that every finding can be understood on its own.

use std::path::Path;

use crate::Finding;
use crate::code::without_text;

/// The most lines of a file. Most should have around 150.
const MAX_FILE_LINES: usize = 500;

/// Words that say nothing about what is in a file.
const EMPTY_WORDS: [&str; 5] = ["utils", "helpers", "common", "misc", "manager"];

/// Everything about `file` that is to be tidied.
pub(crate) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let code = without_text(text);
    let named = name(file).into_iter().chain(header(text)).chain(size(text));
    let inside = undocumented(text, &code).into_iter().chain(ignored_tests(&code));
    let finding = |(line, rule, remedy)| Finding { file: file.to_owned(), line, rule, remedy };
    named.chain(inside).map(finding).collect()
}

type Fault = (usize, &'static str, String);

fn name(file: &Path) -> Option<Fault> {
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        return Some((1, "no mod.rs", "name it after its folder: `name.rs` beside `name/`".to_owned()));
    }
    let empty = |part: &str| part.split(['_', '-']).any(|word| EMPTY_WORDS.contains(&word));
    let part =
        file.iter().filter_map(|part| part.to_str()).find(|part| empty(part.trim_end_matches(".rs")))?;
    Some((1, "telling names", format!("`{part}` could hold anything; name it after the thing it is about")))
}

fn header(text: &str) -> Option<Fault> {
    let missing = !text.starts_with("//! ");
    missing.then(|| (1, "header", "begin with `//!`: what the file is, and what it must never do".to_owned()))
}

fn size(text: &str) -> Option<Fault> {
    let lines = text.lines().count();
    let remedy = || format!("{lines} lines; split it at a seam, {MAX_FILE_LINES} are the most");
    (lines > MAX_FILE_LINES).then(|| (MAX_FILE_LINES + 1, "size of files", remedy()))
}

/// Public items need documentation; fields and variants whose names say it all do not. (`missing_docs` cannot be told
/// apart in this way, and made people write lines that only repeat a name.)
fn undocumented(text: &str, code: &str) -> Vec<Fault> {
    let lines: Vec<&str> = text.lines().collect();
    let bare =
        code.lines().enumerate().filter(|(index, line)| is_public_item(line) && !has_docs(&lines[..*index]));
    let remedy = "say what it is for, in which unit, and when it fails";
    bare.map(|(index, _)| (index + 1, "documentation", remedy.to_owned())).collect()
}

/// A module is documented in its own file.
fn is_public_item(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix("pub ") else { return false };
    let mut words = rest.split_whitespace().skip_while(|word| ["async", "const", "unsafe"].contains(word));
    // `pub const NAME` loses its keyword to the line above; what follows is then a name in capitals.
    words.next().is_some_and(|word| {
        ["fn", "struct", "enum", "trait", "type", "static"].contains(&word)
            || word.ends_with(':') && rest.starts_with("const ")
    })
}

/// Attributes may stand between the item and its documentation; in a macro, documentation is an attribute.
fn has_docs(before: &[&str]) -> bool {
    let above = before.iter().rev().map(|line| line.trim());
    above
        .take_while(|line| !line.is_empty() && !line.ends_with([';', '{', '}']))
        .any(|line| line.starts_with("///") || line.starts_with("$(#["))
}

fn ignored_tests(code: &str) -> Vec<Fault> {
    let ignored = code.lines().enumerate().filter(|(_, line)| line.contains("#[ignore"));
    let remedy = "make the test pass or delete it; a missing tool fails with the command that installs it";
    ignored.map(|(index, _)| (index + 1, "no ignored tests", remedy.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    //! Each rule on a file that breaks it, and on one that does not.

    use super::*;

    const HEADER: &str = "//! What it is.\n";

    fn rules(file: &str, text: &str) -> Vec<&'static str> {
        check(Path::new(file), text).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_tidy_file_passes() {
        let text = format!("{HEADER}// #[ignore] is not used\nfn main() {{ print(\"#[ignore]\") }}\n");
        assert_eq!(rules("services/domain/src/book.rs", &text), [""; 0]);
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(rules("a.rs", "use std::fmt;\n//! late\n"), ["header"]);
        assert_eq!(rules("a.rs", ""), ["header"]);
    }

    #[test]
    fn names_that_say_nothing_are_found_in_files_and_folders() {
        for file in ["src/mod.rs", "src/utils.rs", "src/common/page.rs", "src/session_manager.rs"] {
            assert_eq!(rules(file, HEADER).len(), 1, "{file}");
        }
        assert!(rules("src/commons_of_the_clinic.rs", HEADER).is_empty());
    }

    #[test]
    fn a_file_may_have_as_many_lines_as_the_limit_and_no_more() {
        let lines = |count: usize| format!("{HEADER}{}", "\n".repeat(count - 1));
        assert!(rules("a.rs", &lines(MAX_FILE_LINES)).is_empty());
        assert_eq!(rules("a.rs", &lines(MAX_FILE_LINES + 1)), ["size of files"]);
    }

    #[test]
    fn a_public_item_without_documentation_is_found_and_a_field_is_not() {
        for item in
            ["pub fn run() {}", "pub const fn run() {}", "pub struct Run;", "pub const RUNS: u32 = 1;"]
        {
            assert_eq!(rules("a.rs", &format!("{HEADER}{item}\n")), ["documentation"], "{item}");
            let documented = format!("{HEADER}/// Why it is there.\n#[derive(Debug)]\n{item}\n");
            assert_eq!(rules("a.rs", &documented), [""; 0], "{item}");
        }
        for other in
            ["struct Run { pub runs: u32 }", "pub(crate) fn run() {}", "pub mod run;", "pub use run::Run;"]
        {
            assert_eq!(rules("a.rs", &format!("{HEADER}{other}\n")), [""; 0], "{other}");
        }
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = format!("{HEADER}#[test]\n#[ignore = \"slow\"]\nfn slow() {{}}\n");
        assert_eq!(rules("a.rs", &text), ["no ignored tests"]);
    }
}
