//! Every command, option and argument of the old build is still there. More may be added.
//!
//! Nothing here may look at a help text's wording.

use std::collections::BTreeSet;

use daybook_tests::process::Installation;

use super::key_paths::{Section, sections};
use super::text_of;

/// The title of the section that holds the options of every command.
const GLOBAL: &str = "daybook";

/// The names in a help text: options, arguments, and environment variables.
fn names(help: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in help.lines().map(str::trim_start) {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        match words[..] {
            [short, long, ..] if short.starts_with('-') && short.ends_with(',') => insert(&mut names, long),
            [first, ..] if first.starts_with("--") || is_argument(first) => insert(&mut names, first),
            _ => {}
        }
        let variable = line.split_once("[env: ").and_then(|(_, rest)| rest.split(['=', ']']).next());
        names.extend(variable.map(|name| format!("env {name}")));
    }
    names
}

fn insert(names: &mut BTreeSet<String>, name: &str) {
    names.insert(name.trim_end_matches(['.', ',']).to_owned());
}

fn is_argument(word: &str) -> bool {
    let inside =
        word.strip_prefix(['<', '[']).and_then(|rest| rest.trim_end_matches('.').strip_suffix(['>', ']']));
    inside.is_some_and(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// The words of a command below `daybook`.
fn words(section: &Section) -> Vec<&str> {
    section.title.split(' ').skip(1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_command_has_its_options_and_takes_the_global_ones() {
    let recorded = sections(&text_of("options.txt"));
    let global = recorded.iter().find(|section| section.title == GLOBAL).unwrap();
    let options = global.lines.iter().filter(|name| name.starts_with("--"));
    let with_value: Vec<String> = options
        .filter(|name| !matches!(name.as_str(), "--help" | "--version"))
        .flat_map(|name| [name.clone(), "1".to_owned()])
        .collect();
    let clinic = Installation::private().await.unwrap();
    let mut missing = Vec::new();
    for section in &recorded {
        let words = words(section);
        let global = with_value.iter().map(String::as_str);
        let line: Vec<&str> = words.iter().copied().chain(global).chain(["--help"]).collect();
        let ended = clinic.run(&line).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}: {}", section.title, ended.stderr);
        missing.extend(section.missing(&names(&ended.stdout)));
    }
    assert_eq!(missing, [""; 0], "these are gone");
}
