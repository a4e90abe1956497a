//! The direction of dependencies between our crates, which keeps rules free of machinery.
//!
//! The table is the layering of ARCHITECTURE.md. It must never be widened only to make a test pass.

use std::path::Path;

use crate::Finding;

const DOMAIN: &str = "daybook-domain";
const EVENT_LOG: &str = "daybook-event-log";
const VAULT: &str = "daybook-vault";
const COMMANDS: &str = "daybook-commands";
const PROJECTIONS: &str = "daybook-projections";
const MIGRATION: &str = "daybook-migration";
const API: &str = "daybook-api";
const PRIVATE_POSTGRES: &str = "daybook-private-postgres";
const BINARY: &str = "daybook";
const LOG_SERVER: &str = "daybook-log-server";

/// Each crate, and those it may use.
const ALLOWED: [(&str, &[&str]); 13] = [
    (DOMAIN, &[]),
    (EVENT_LOG, &[DOMAIN]),
    (VAULT, &[DOMAIN, EVENT_LOG]),
    (COMMANDS, &[DOMAIN, EVENT_LOG, VAULT]),
    (PROJECTIONS, &[DOMAIN, EVENT_LOG, VAULT]),
    (MIGRATION, &[DOMAIN, EVENT_LOG, VAULT, COMMANDS, PROJECTIONS]),
    (API, &[DOMAIN, EVENT_LOG, VAULT, COMMANDS, PROJECTIONS, MIGRATION]),
    (PRIVATE_POSTGRES, &[]),
    (BINARY, &[DOMAIN, EVENT_LOG, VAULT, COMMANDS, PROJECTIONS, MIGRATION, API, PRIVATE_POSTGRES]),
    (
        "daybook-tests",
        &[
            DOMAIN,
            EVENT_LOG,
            VAULT,
            COMMANDS,
            PROJECTIONS,
            MIGRATION,
            API,
            PRIVATE_POSTGRES,
            BINARY,
            LOG_SERVER,
        ],
    ),
    // The service without the migration.
    ("daybook-core-tests", &[BINARY]),
    // The stand-in for EventStoreDB must not share code with what is tested on it.
    (LOG_SERVER, &[]),
    // A competitor in the benchmark must not use Daybook's code.
    ("daybook-peer-cqrs-es", &[]),
];

/// The manifest of this crate, whose features a build of the program or of this crate alone selects.
const OWN_MANIFEST: &str = include_str!("../../Cargo.toml");

/// Uses that the table does not allow; nothing for a file that is no crate's manifest.
pub(crate) fn check(file: &Path, manifest: &str) -> Vec<Finding> {
    let Some((line, package)) = package(file, manifest) else { return Vec::new() };
    let finding = |line, remedy| Finding { file: file.to_owned(), line, rule: "direction of uses", remedy };
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else {
        return vec![finding(
            line,
            format!("`{package}` is new: give it a line in the table of the tidy test"),
        )];
    };
    let outside = uses(manifest).into_iter().filter(|(_, used)| !allowed.contains(&used.as_str()));
    let remedy = |used: &str| format!("`{package}` must not use `{used}`; move the code to where it may");
    let mut findings: Vec<Finding> = outside.map(|(line, used)| finding(line, remedy(&used))).collect();
    findings.extend(features_of_tests_only(manifest).map(|line| {
        Finding {
            file: file.to_owned(),
            line,
            rule: "one set of features",
            remedy: "select the same features in [dependencies] of tests/Cargo.toml; \
            otherwise all crates are compiled a second time for the program"
                .to_owned(),
        }
    }));
    findings
}

/// The lines of dev-dependencies with features that `daybook-tests` does not select. Cargo unites the features of dev-dependencies
/// only for tests, so a crate with another feature, and every crate above it, would be compiled again for the program.
fn features_of_tests_only(manifest: &str) -> impl Iterator<Item = usize> {
    let selected = |own: &Entry<'_>, feature: &str| {
        in_sections(OWN_MANIFEST).any(|entry| {
            entry.section == "dependencies"
                && entry.key == own.key
                && features(entry.value).any(|one| one == feature)
        })
    };
    in_sections(manifest)
        .filter(|entry| entry.section == "dev-dependencies")
        .filter(move |entry| features(entry.value).any(|feature| !selected(entry, feature)))
        .map(|entry| entry.line)
}

/// The features in a value such as `{ workspace = true, features = ["fs", "net"] }`.
fn features(value: &str) -> impl Iterator<Item = &str> {
    let list = value.split_once("features").and_then(|(_, rest)| rest.split_once('[')?.1.split_once(']'));
    let names = list.map_or("", |(names, _)| names).split(',');
    names.map(|name| name.trim().trim_matches('"')).filter(|name| !name.is_empty())
}

fn package(file: &Path, manifest: &str) -> Option<(usize, String)> {
    file.file_name().filter(|name| *name == "Cargo.toml")?;
    let in_package = in_sections(manifest).find(|entry| entry.section == "package" && entry.key == "name")?;
    Some((in_package.line, in_package.value.trim_matches('"').to_owned()))
}

struct Entry<'a> {
    /// From 1.
    line: usize,
    section: &'a str,
    key: &'a str,
    value: &'a str,
}

/// The lines of the form `key = value`, and the headers of sections as entries without a key.
fn in_sections(manifest: &str) -> impl Iterator<Item = Entry<'_>> {
    manifest.lines().enumerate().scan("", |section, (index, line)| {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            *section = header;
            return Some(Entry { line: index + 1, section, key: "", value: "" });
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        Some(Entry { line: index + 1, section, key: key.trim(), value: value.trim() })
    })
}

/// Our own crates that a manifest uses, in whatever form it says so, with the line.
fn uses(manifest: &str) -> Vec<(usize, String)> {
    let of_dependencies = in_sections(manifest).filter(|entry| entry.section.contains("dependencies"));
    of_dependencies
        .filter_map(|entry| Some((entry.line, used(&entry)?)))
        .filter(|(_, name)| is_ours(name))
        .collect()
}

fn used(entry: &Entry<'_>) -> Option<String> {
    if entry.key.is_empty() {
        let (_, name) = entry.section.rsplit_once("dependencies.")?;
        return Some(name.to_owned());
    }
    // Under another name: `page = { package = "daybook-domain", … }`, or on a line of its own in a section.
    let renamed = match entry.key {
        "package" => Some(entry.value),
        _ => {
            entry.value.split_once("package").and_then(|(_, rest)| rest.split_once('=')).map(|(_, name)| name)
        }
    };
    let name = renamed
        .map_or(entry.key.split('.').next(), |name| name.trim().trim_start_matches('"').split('"').next());
    name.map(|name| name.trim_matches('"').to_owned())
}

fn is_ours(name: &str) -> bool {
    name == "daybook" || name.starts_with("daybook-")
}

#[cfg(test)]
mod tests {
    //! Manifests that keep to the table, and such that do not.

    use super::*;

    fn lines(package: &str, rest: &str) -> Vec<usize> {
        let manifest = format!("[package]\nname = \"{package}\"\n{rest}");
        check(Path::new("x/Cargo.toml"), &manifest).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn uses_in_the_allowed_direction_pass() {
        let rest = "[dependencies]\nserde.workspace = true\ndaybook-domain.workspace = true\n";
        assert_eq!(lines("daybook-event-log", rest), [0; 0]);
    }

    #[test]
    fn uses_against_the_direction_are_found_in_every_form() {
        for form in [
            "[dependencies]\ndaybook-api.workspace = true\n",
            "[dev-dependencies]\ndaybook-api = { path = \"../api\" }\n",
            "[dependencies]\nweb = { workspace = true, package = \"daybook-api\" }\n",
            "[target.'cfg(unix)'.build-dependencies]\ndaybook-api = \"1\"\n",
        ] {
            assert_eq!(lines("daybook-commands", form), [4], "{form}");
        }
        assert_eq!(lines("daybook-commands", "[dependencies.daybook-api]\npath = \"../api\"\n"), [3]);
        assert_eq!(lines("daybook-commands", "[dependencies.web]\npackage = \"daybook-api\"\n"), [4]);
    }

    #[test]
    fn features_that_only_one_crates_tests_select_are_found() {
        let lines_for = |features| {
            lines(
                "daybook-vault",
                &format!("[dev-dependencies]\ntokio = {{ workspace = true, features = [{features}] }}\n"),
            )
        };
        assert_eq!(lines_for("\"test-util\""), [0; 0]);
        assert_eq!(lines_for("\"test-util\", \"tracing\""), [4]);
    }

    #[test]
    fn nobody_uses_the_tests() {
        for (package, allowed) in ALLOWED {
            assert!(!allowed.contains(&"daybook-tests"), "{package}");
        }
        assert_eq!(lines("daybook", "[dev-dependencies]\ndaybook-tests.workspace = true\n"), [4]);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        assert_eq!(lines("daybook-reports", ""), [2]);
        assert!(check(Path::new("deny.toml"), "[package]\nname = \"x\"\n").is_empty());
    }
}
