//! The numbers of migrations: two digits each, without gaps or duplicates, so that files sort in the order they run.
//!
//! It must never read the SQL itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Finding;

/// Migrations that are out of line, folder by folder. Other SQL below `migrations/` carries no number.
pub(crate) fn check(files: &[PathBuf]) -> Vec<Finding> {
    let mut folders: BTreeMap<&Path, Vec<(&PathBuf, Option<u32>)>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.starts_with("migrations") && looks_numbered(file)) {
        folders.entry(file.parent().unwrap_or(Path::new(""))).or_default().push((file, number(file)));
    }
    folders.into_values().flat_map(out_of_line).collect()
}

fn out_of_line(mut migrations: Vec<(&PathBuf, Option<u32>)>) -> Vec<Finding> {
    migrations.sort_by_key(|(_, number)| *number);
    let expected = (1..).map(Some);
    let wrong = migrations.into_iter().zip(expected).find(|((_, number), expected)| number != expected);
    wrong.map(|((file, _), expected)| finding(file, expected.unwrap_or_default())).into_iter().collect()
}

fn finding(file: &Path, expected: u32) -> Finding {
    let remedy =
        format!("name it V{expected:02}__what_it_does.sql, or bring the migration of that number back");
    Finding { file: file.to_owned(), line: 1, rule: "numbers of migrations", remedy }
}

fn looks_numbered(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut chars = name.chars();
    matches!(chars.next(), Some('v' | 'V')) && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// The number in `V01__name.sql`; `None` if the name has any other form.
fn number(file: &Path) -> Option<u32> {
    let (number, name) = file.file_stem()?.to_str()?.strip_prefix('V')?.split_once("__")?;
    let snake_case =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    number.parse().ok().filter(|parsed: &u32| snake_case && number == format!("{parsed:02}"))
}

#[test]
fn numbers_without_gaps_pass() {
    let files = [
        "migrations/V02__keys.sql",
        "migrations/V01__log.sql",
        "migrations/legacy/reservations.sql",
        "a/V7.sql",
    ];
    assert_eq!(check(&files.map(PathBuf::from)), []);
}

#[test]
fn gaps_doubles_and_misspelt_names_are_found() {
    for (files, wrong) in [
        (["migrations/V01__a.sql", "migrations/V03__b.sql"], "migrations/V03__b.sql"),
        (["migrations/V01__a.sql", "migrations/V01__b.sql"], "migrations/V01__b.sql"),
        (["migrations/V01__a.sql", "migrations/v02__b.sql"], "migrations/v02__b.sql"),
        (["migrations/V01__a.sql", "migrations/V02_b.sql"], "migrations/V02_b.sql"),
        (["migrations/V00__a.sql", "migrations/V01__b.sql"], "migrations/V00__a.sql"),
        (["migrations/V01__a.sql", "migrations/V2__b.sql"], "migrations/V2__b.sql"),
    ] {
        let found: Vec<_> =
            check(&files.map(PathBuf::from)).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, [PathBuf::from(wrong)], "{files:?}");
    }
}
