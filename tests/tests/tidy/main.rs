//! The house style as an ordinary test: file sizes, headers, documentation, names, direction of uses, migration numbers.
//!
//! It checks nothing that the compiler, rustfmt or clippy checks, and it never changes a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod code;
mod dependencies;
mod files;
mod layers;
mod migrations;
mod style;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) file: PathBuf,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.rule, self.remedy)
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace")
}

#[track_caller]
fn assert_tidy(findings: &[Finding]) {
    let list: Vec<_> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{} place(s) to tidy:\n{}", list.len(), list.join("\n"));
}

#[test]
fn rust_files_have_headers_documentation_and_bounded_sizes() {
    let sources = files::below(workspace(), "rs");
    assert!(!sources.is_empty(), "the walk found no Rust files below {}", workspace().display());
    let findings: Vec<_> = sources.iter().flat_map(|file| style::check(&file.path, &file.text)).collect();
    assert_tidy(&findings);
}

#[test]
fn code_uses_no_retired_word() {
    let glossary = std::fs::read_to_string(workspace().join("docs/glossary.md")).unwrap();
    let retired = words::retired_words(&glossary);
    assert!(!retired.is_empty(), "docs/glossary.md has no table of retired words");
    let sources = files::below(workspace(), "rs");
    let findings: Vec<_> =
        sources.iter().flat_map(|file| words::check(&file.path, &file.text, &retired)).collect();
    assert_tidy(&findings);
}

#[test]
fn uses_between_crates_run_one_way() {
    let manifests = files::below(workspace(), "toml");
    let findings: Vec<_> =
        manifests.iter().flat_map(|file| dependencies::check(&file.path, &file.text)).collect();
    assert_tidy(&findings);
}

#[test]
fn folders_of_a_crate_use_those_before_them() {
    let sources = files::below(workspace(), "rs");
    let findings: Vec<_> = sources.iter().flat_map(|file| layers::check(&file.path, &file.text)).collect();
    assert_tidy(&findings);
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let names: Vec<_> = files::below(workspace(), "sql").into_iter().map(|file| file.path).collect();
    assert_tidy(&migrations::check(&names));
}
