//! The rules for a single Rust file.
//!
//! They must never look at more than the one file, so that each finding stands on its own.

use std::path::Path;

use crate::Finding;
use crate::code::{functions, without_text};

/// The most lines of a file. Most should have around 150.
const MAX_FILE_LINES: usize = 500;

/// The most lines of a function. Most should have around 10.
const MAX_FUNCTION_LINES: usize = 70;

/// Words that say nothing about what is in a file.
const EMPTY_WORDS: [&str; 5] = ["utils", "helpers", "common", "misc", "manager"];

/// Everything about `file` that is to be tidied.
pub(crate) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let code = without_text(text);
    let named = name(file).into_iter().chain(header(text)).chain(size(text));
    let inside = long_functions(&code).into_iter().chain(ignored_tests(&code));
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

fn long_functions(code: &str) -> Vec<Fault> {
    let long = functions(code).into_iter().filter(|function| function.lines > MAX_FUNCTION_LINES);
    let remedy = |name: &str, lines| {
        format!("`{name}` has {lines} lines; take steps out of it, {MAX_FUNCTION_LINES} are the most")
    };
    long.map(|function| (function.line, "size of functions", remedy(&function.name, function.lines)))
        .collect()
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
    fn a_function_may_have_as_many_lines_as_the_limit_and_no_more() {
        let function =
            |lines: usize| format!("{HEADER}fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
        assert!(rules("a.rs", &function(MAX_FUNCTION_LINES)).is_empty());
        let findings = check(Path::new("a.rs"), &function(MAX_FUNCTION_LINES + 1));
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].rule), (2, "size of functions"));
        assert!(findings[0].to_string().starts_with("a.rs:2: size of functions: `long` has 71 lines"));
    }

    #[test]
    fn an_ignored_test_is_found() {
        let text = format!("{HEADER}#[test]\n#[ignore = \"slow\"]\nfn slow() {{}}\n");
        assert_eq!(rules("a.rs", &text), ["no ignored tests"]);
    }
}
