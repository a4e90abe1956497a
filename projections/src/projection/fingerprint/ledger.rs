//! The ledger of fingerprints: one line per fold version and golden history, oldest first.
//!
//! Lines are appended and never edited: an old line documents what views of that version contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The file's path.
const PLACE: &str = "tests/fixtures/golden_histories/fingerprints.tsv";

pub(super) const LEDGER: &str = include_str!("../../../../tests/fixtures/golden_histories/fingerprints.tsv");

const HEADER: &str = "rules_version\thistory\thistory_sha256\tlegacy\tdynamic";

/// What one history folds into with one fold version. Hashes are SHA-256 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) version: u32,
    pub(super) history: String,
    /// Of the history's file.
    pub(super) history_sha256: String,
    /// Of the rows of the legacy view.
    pub(super) legacy: String,
    /// Of the rows of the dynamic view.
    pub(super) dynamic: String,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, history, history_sha256, legacy, dynamic } = self;
        write!(formatter, "{version}\t{history}\t{history_sha256}\t{legacy}\t{dynamic}")
    }
}

/// Parses the ledger.
pub(super) fn read(text: &str) -> Vec<Fingerprint> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEADER), "{PLACE} begins with the names of its columns");
    lines.map(read_line).collect()
}

fn read_line(line: &str) -> Fingerprint {
    let columns: Vec<&str> = line.split('\t').collect();
    let [version, history, history_sha256, legacy, dynamic] = columns[..] else {
        panic!("{PLACE}: a line has other columns than {HEADER}: {line}");
    };
    Fingerprint {
        version: version.parse().unwrap(),
        history: history.to_owned(),
        history_sha256: history_sha256.to_owned(),
        legacy: legacy.to_owned(),
        dynamic: dynamic.to_owned(),
    }
}

/// What to do if a history folds into something else than recorded; none if it does not.
pub(super) fn check(kept: Option<&Fingerprint>, folded: &Fingerprint) -> Option<String> {
    let Some(kept) = kept else {
        return Some(format!("{PLACE} lacks a line for this version of the rules. Append:\n{folded}"));
    };
    if kept.history_sha256 != folded.history_sha256 {
        let name = &folded.history;
        return Some(format!("the golden history {name} was edited: put it back, and add another beside it"));
    }
    let views = [("legacy", &kept.legacy, &folded.legacy), ("dynamic", &kept.dynamic, &folded.dynamic)];
    let changed: Vec<&str> =
        views.iter().filter(|(_, kept, now)| kept != now).map(|(view, ..)| *view).collect();
    (!changed.is_empty()).then(|| {
        let next = Fingerprint { version: folded.version + 1, ..folded.clone() };
        format!(
            "the fold of the {} view changed. If that is intended, raise FOLD_VERSION in projections/src/control/ids.rs and \
             append to {PLACE}:\n{next}\nOtherwise fix the fold.",
            changed.join(" view and of the ")
        )
    })
}

/// Signs that the ledger was edited and not only appended to.
pub(super) fn faults(entries: &[Fingerprint], current: u32) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut seen, mut histories) = (BTreeSet::new(), BTreeMap::new());
    let mut before = 0;
    for entry in entries {
        let Fingerprint { version, history, history_sha256, .. } = entry;
        if *version != before && *version != before + 1 {
            faults.push(format!("version {version} follows version {before}"));
        }
        before = *version;
        if !seen.insert((version, history)) {
            faults.push(format!("version {version} has two lines for {history}"));
        }
        if histories.insert(history, history_sha256).is_some_and(|earlier| earlier != history_sha256) {
            faults.push(format!("the history {history} is another from version {version} on"));
        }
    }
    if before != current {
        faults.push(format!("the last line is of version {before}, the rules are at version {current}"));
    }
    faults
}

fn sample(version: u32, history: &str) -> Fingerprint {
    let hash = |text: &str| format!("{text} of {history}");
    Fingerprint {
        version,
        history: history.to_owned(),
        history_sha256: hash("hash"),
        legacy: hash("legacy rows"),
        dynamic: hash("dynamic rows"),
    }
}

#[test]
fn an_appended_ledger_has_no_faults() {
    let entries = [sample(1, "a"), sample(1, "b"), sample(2, "a"), sample(2, "b"), sample(2, "c")];
    assert_eq!(faults(&entries, 2), [""; 0]);
    let text = [HEADER.to_owned()].into_iter().chain(entries.iter().map(Fingerprint::to_string));
    assert_eq!(read(&text.collect::<Vec<_>>().join("\n")), entries);
}

#[test]
fn an_edited_ledger_is_found() {
    let other = Fingerprint { history_sha256: "another".to_owned(), ..sample(2, "a") };
    let cases: [(&[Fingerprint], u32, &str); 6] = [
        (&[], 1, "the last line is of version 0"),
        (&[sample(1, "a"), sample(2, "a"), sample(1, "b")], 1, "version 1 follows version 2"),
        (&[sample(1, "a"), sample(3, "a")], 3, "version 3 follows version 1"),
        (&[sample(1, "a"), sample(1, "a")], 1, "two lines for a"),
        (&[sample(1, "a"), other], 2, "the history a is another"),
        (&[sample(1, "a")], 2, "the rules are at version 2"),
    ];
    for (entries, current, fault) in cases {
        let found = faults(entries, current);
        assert!(found.len() == 1 && found[0].contains(fault), "{fault}: {found:?}");
    }
}

#[test]
fn a_changed_fold_an_edited_history_and_a_missing_line_get_different_advice() {
    let folded = sample(4, "a");
    assert_eq!(check(Some(&folded), &folded), None);
    let legacy =
        check(Some(&Fingerprint { legacy: "other rows".to_owned(), ..folded.clone() }), &folded).unwrap();
    assert!(legacy.contains("the legacy view changed") && legacy.contains("\n5\ta\t"), "{legacy}");
    let dynamic =
        check(Some(&Fingerprint { dynamic: "other rows".to_owned(), ..folded.clone() }), &folded).unwrap();
    assert!(dynamic.contains("the dynamic view changed") && dynamic.contains("FOLD_VERSION"), "{dynamic}");
    let edited =
        Fingerprint { history_sha256: "other".to_owned(), legacy: "other rows".to_owned(), ..folded.clone() };
    assert!(check(Some(&edited), &folded).unwrap().contains("put it back"));
    assert!(check(None, &folded).unwrap().contains("\n4\ta\t"));
}
