//! The keys of a JSON document as paths, and the recorded lists that hold them.
//!
//! It must never look at a value: only at names and nesting.

use std::collections::BTreeSet;

use serde_json::Value;

/// Marks the line that begins a section.
const SECTION: &str = "@ ";

/// What was recorded of one command or request.
#[derive(Debug)]
pub(super) struct Section {
    /// The command or the request.
    pub(super) title: String,
    pub(super) lines: BTreeSet<String>,
}

/// The sections of a recorded list: a line `@ title`, then one entry a line. A line with `#` is a comment.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix(SECTION) {
            Some(title) => sections.push(Section { title: title.to_owned(), lines: BTreeSet::new() }),
            None => {
                let section = sections.last_mut().unwrap_or_else(|| panic!("`{line}` is in no section"));
                section.lines.insert(line.to_owned());
            }
        }
    }
    sections
}

impl Section {
    /// One line for each entry that is recorded and not found.
    pub(super) fn missing(&self, found: &BTreeSet<String>) -> Vec<String> {
        self.lines.difference(found).map(|line| format!("{}: {line}", self.title)).collect()
    }
}

/// All keys of a document: `views[].generation`.
pub(super) fn of(document: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect("", document, &mut paths);
    paths
}

fn collect(path: &str, value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = general(name);
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                collect(&path, value, paths);
                paths.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, paths)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A key with each number in it as `0`: names of generations and days are data, and one stands for all of them.
fn general(name: &str) -> String {
    let mut general = String::new();
    for char in name.chars() {
        match char.is_ascii_digit() {
            true if general.ends_with('0') => {}
            true => general.push('0'),
            false => general.push(char),
        }
    }
    general
}

#[test]
fn keys_are_paths_and_data_in_them_is_left_out() {
    let document = serde_json::json!({"a": {"b": [{"c": 1}, {"d": null}]}, "on": {"2026-12-01": 1}});
    let expected = ["a", "a.b", "a.b[].c", "a.b[].d", "on", "on.0-0-0"];
    assert_eq!(of(&document), expected.map(str::to_owned).into());
}
