//! Every key that a command of the old build wrote with `--json` is still written. More may be added.
//!
//! The recorded list holds the commands and their exit codes: each section names a database of the old build and a command, and
//! its commands run in the order of the list. A section must never depend on a service that runs.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::key_paths::{self, Section, sections};
use super::{FIXTURES, OldClinic, text_of};

/// How the names of databases begin that hold nothing yet.
const EMPTY: &str = "empty";

/// The key paths of what a command prints. Lines in place of one document are read one by one.
fn printed(stdout: &str) -> Result<BTreeSet<String>, serde_json::Error> {
    let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(stdout).into_iter().collect();
    Ok(documents?.iter().flat_map(key_paths::of).collect())
}

/// The arguments of a command, with folders in place of their names.
fn arguments(clinic: &OldClinic, command: &str) -> Vec<String> {
    let scratch = clinic.scratch("");
    let in_place =
        |word: &str| word.replace("{fixtures}", FIXTURES).replace("{scratch}/", scratch.to_str().unwrap());
    command.split(' ').map(in_place).collect()
}

async fn check(clinic: &OldClinic, command: &str, section: &Section) -> Vec<String> {
    let arguments = arguments(clinic, command);
    let line: Vec<&str> = arguments.iter().map(String::as_str).chain(["--json"]).collect();
    let ended = clinic.run(&line).await;
    let mut keys = printed(&ended.stdout).unwrap_or_else(|error| panic!("{command}: {error}: {ended:?}"));
    keys.extend(ended.code.map(|code| format!("exit {code}")));
    section.missing(&keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_key_of_every_command_is_still_written() {
    let mut clinics: HashMap<String, OldClinic> = HashMap::new();
    let mut missing = Vec::new();
    for section in sections(&text_of("json_keys.txt")) {
        let (database, command) = section.title.split_once(' ').unwrap();
        if !clinics.contains_key(database) {
            // A test has one installation at a time.
            clinics.clear();
            let clinic = match database.starts_with(EMPTY) {
                true => OldClinic::empty().await,
                false => OldClinic::load(database).await,
            };
            clinics.insert(database.to_owned(), clinic);
        }
        missing.extend(check(&clinics[database], command, &section).await);
    }
    assert_eq!(missing, [""; 0], "these are gone");
}
