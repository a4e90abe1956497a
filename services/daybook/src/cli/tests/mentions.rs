//! Every command and option that a text of the program names exists, and an option without a command is one of the command that
//! prints the text. The texts are read from the sources, so that a new one is checked too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Sources whose texts operators read, beside those of the command line.
const SOURCES: [&str; 5] =
    ["services/daybook", "services/migration", "services/commands", "services/vault", "projections"];

/// Commands that print the texts of a file or folder. The first entry that fits counts; another file of the command line belongs
/// to the command that it is named after.
const PRINTED_BY: &[(&str, &[&str])] = &[
    ("services/daybook/src/cli/import/source.rs", READING),
    ("services/daybook/src/cli/import/report", &["import run", "import analyze"]),
    ("services/migration/src/legacy/import/csv", READING_CSV),
    ("services/migration/src/legacy/import.rs", READING_CSV),
    ("services/migration/src/legacy/import", READING),
    ("services/migration/src/legacy/review", &["import review apply"]),
];

const READING: &[&str] = &["import run", "import analyze", "import resolve decide"];
const READING_CSV: &[&str] =
    &["import run", "import analyze", "import resolve decide", "import review apply"];

/// A file with the options of another program.
const OF_PG_DUMP: &str = "services/daybook/src/cli/backup/tools.rs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The lines with texts: without tests, and without comments that are no help of the command line.
fn text_lines(source: &str) -> String {
    let product = source.split("#[cfg(test)]").next().unwrap();
    let is_command_line = ["derive(Args)", "derive(Subcommand)", "derive(Parser)"]
        .iter()
        .any(|derive| product.contains(derive));
    let is_text = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("//") || (is_command_line && line.starts_with("///"))
    };
    product
        .lines()
        .filter(is_text)
        .map(|line| line.trim_start().trim_end_matches('\\'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The commands below a command, by their path.
fn find<'c>(command: &'c clap::Command, path: &[&str]) -> Option<&'c clap::Command> {
    path.iter().try_fold(command, |command, name| command.find_subcommand(name))
}

fn has_option(root: &clap::Command, command: &clap::Command, option: &str) -> bool {
    let has =
        |command: &clap::Command| command.get_arguments().any(|argument| argument.get_long() == Some(option));
    ["help", "version"].contains(&option)
        || has(command)
        || has(root)
        || command.get_subcommands().any(|below| has_option(root, below, option))
}

/// An option at the start of a text.
fn option_at(text: &str) -> Option<&str> {
    let name = text.strip_prefix("--")?;
    let end = name.find(|sign: char| !sign.is_ascii_lowercase() && sign != '-').unwrap_or(name.len());
    name.get(..end).filter(|name| name.starts_with(|sign: char| sign.is_ascii_lowercase()))
}

/// The words of a mention such as `daybook import run --final`, up to the end of its line or quotation.
fn mention(text: &str) -> Vec<&str> {
    let end = text.find(['`', '"', '\n', ';', ',', '.', ':', '(']).unwrap_or(text.len());
    text[..end].split_whitespace().collect()
}

/// What is wrong with the mentions of commands in a text, and the text without them.
fn check_commands(root: &clap::Command, text: &str, faults: &mut Vec<String>) -> String {
    let mut parts = text.split("daybook ");
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_quoted = rest.ends_with(['`', '"', '\n']) || rest.ends_with("Next: ");
        let words = mention(part);
        let names: Vec<&str> = words
            .iter()
            .scan(root, |command, word| {
                *command = command.find_subcommand(word)?;
                Some(*word)
            })
            .collect();
        let command = find(root, &names).unwrap();
        let is_known = !names.is_empty()
            || words.first().is_none_or(|word| word.starts_with("--") || word.starts_with('{'));
        if is_quoted && !is_known {
            faults.push(format!("no such command: daybook {}", words.join(" ")));
        }
        if !names.is_empty() {
            for option in words.iter().filter_map(|word| option_at(word)) {
                if !has_option(root, command, option) {
                    faults.push(format!("daybook {} has no --{option}", names.join(" ")));
                }
            }
            let mentioned: usize = part.find(['`', '"', '\n', ';', ',', '.', ':', '(']).unwrap_or(part.len());
            rest.push_str(&part[mentioned..]);
        } else {
            rest.push_str(part);
        }
    }
    rest
}

/// The options that a text names without a command.
fn bare_options(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("--").filter(|(at, _)| {
        text[..*at]
            .chars()
            .next_back()
            .is_none_or(|before| !before.is_alphanumeric() && !matches!(before, '-' | '<' | '!'))
    });
    starts.filter_map(|(at, _)| option_at(&text[at..])).collect()
}

/// The commands that print the texts of a file.
fn printed_by<'c>(root: &'c clap::Command, file: &str) -> Vec<&'c clap::Command> {
    if let Some((_, commands)) = PRINTED_BY.iter().find(|(path, _)| file.starts_with(path)) {
        return commands
            .iter()
            .map(|path| find(root, &path.split(' ').collect::<Vec<_>>()).unwrap())
            .collect();
    }
    let path = file
        .strip_prefix("services/daybook/src/cli/")
        .map(|path| path.trim_end_matches(".rs").replace('_', "-"));
    let Some(path) = path else { return vec![root] };
    let names: Vec<&str> = path.split('/').collect();
    (1..=names.len()).rev().find_map(|depth| find(root, &names[..depth])).into_iter().collect()
}

#[test]
fn every_command_and_option_that_a_text_names_exists_where_it_is_printed() {
    let command = Cli::command();
    let mut faults = Vec::new();
    let mut files = Vec::new();
    SOURCES.iter().for_each(|folder| sources(&root().join(folder).join("src"), &mut files));
    let mut mentions = 0;
    for file in files {
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if name == OF_PG_DUMP {
            continue;
        }
        let text = text_lines(&fs::read_to_string(&file).unwrap());
        let mut wrong = Vec::new();
        let rest = check_commands(&command, &text, &mut wrong);
        for option in bare_options(&rest).into_iter() {
            mentions += 1;
            for printing in printed_by(&command, &name) {
                if !has_option(&command, printing, option) {
                    wrong.push(format!("--{option} is no option of daybook {}", printing.get_name()));
                }
            }
        }
        faults.extend(wrong.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(mentions > 40, "{mentions} options were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
