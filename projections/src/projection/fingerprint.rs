//! Fingerprints of the folds: hashes of what golden histories fold into, each with its fold version.
//!
//! A changed fold makes existing views differ from those it would build, and nothing in them shows it. This test shows
//! it before a release, without a database. A recorded fingerprint is never edited to make a fold pass.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod history;
mod ledger;

use std::collections::BTreeMap;

use daybook_domain::ReadModel;
use daybook_event_log::RecordedEvent;
use daybook_event_log::codec::EVENT_TYPES;
use sha2::{Digest as _, Sha256};

use crate::control::ids::FOLD_VERSION;
use crate::projection::change::{DecodedEvent, Interpreter, ViewChange, changes_views};
use crate::projection::fold::Fold;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use history::History;
pub(crate) use history::History as Golden;
use ledger::{Fingerprint, LEDGER};

/// The golden histories by name. A history is never changed; a new case gets a history and an entry of its own.
const HISTORIES: [(&str, &str); 7] = [
    ("first_release", include_str!("../../../tests/fixtures/golden_histories/first_release.jsonl")),
    ("retirements", include_str!("../../../tests/fixtures/golden_histories/retirements.jsonl")),
    ("stages", include_str!("../../../tests/fixtures/golden_histories/stages.jsonl")),
    ("reimports", include_str!("../../../tests/fixtures/golden_histories/reimports.jsonl")),
    ("corrections", include_str!("../../../tests/fixtures/golden_histories/corrections.jsonl")),
    ("moves", include_str!("../../../tests/fixtures/golden_histories/moves.jsonl")),
    (
        "strangers_and_tokens",
        include_str!("../../../tests/fixtures/golden_histories/strangers_and_tokens.jsonl"),
    ),
];

/// The golden histories, for other tests.
pub(crate) fn golden() -> impl Iterator<Item = Golden> {
    HISTORIES.iter().map(|(_, text)| History::read(text))
}

/// An order in which a history is folded. Most of them occur in no log; a fold accepts every order.
#[derive(Debug, Clone, Copy)]
enum Order {
    Recorded,
    Backwards,
    StreamByStream,
    LastStreamFirst,
}

impl Order {
    const ALL: [Self; 4] = [Self::Recorded, Self::Backwards, Self::StreamByStream, Self::LastStreamFirst];

    fn apply(self, recorded: &[RecordedEvent]) -> Vec<RecordedEvent> {
        let mut events = recorded.to_vec();
        match self {
            Self::Recorded => {}
            Self::Backwards => events.reverse(),
            // Both sorts keep the order within a stream.
            Self::StreamByStream => events.sort_by(|a, b| a.stream.cmp(&b.stream)),
            Self::LastStreamFirst => events.sort_by(|a, b| b.stream.cmp(&a.stream)),
        }
        events
    }

    /// Events between two looks at the rows. In the log's own order the rows are checked after each event, so that a
    /// value that a later event overwrites is seen too. In the other orders only the end result matters.
    const fn look_events(self) -> usize {
        match self {
            Self::Recorded => 1,
            Self::Backwards | Self::StreamByStream | Self::LastStreamFirst => usize::MAX,
        }
    }
}

/// All rows that changes fold into, one per line, at every look.
fn looks<R: ReservationRow>(changes: &[ViewChange], look_events: usize) -> Vec<String> {
    let mut fold: Fold<R> = Fold::new(Reference::default());
    let mut look = |some: &[ViewChange]| {
        some.iter().for_each(|change| fold.apply(change));
        rows(&fold)
    };
    changes.chunks(look_events).map(&mut look).collect()
}

fn rows<R: ReservationRow>(fold: &Fold<R>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in fold.rows.values() {
        let fact = row.canonical(&fold.reference).hash();
        lines.push(format!("reservations {} {fact}", serde_json::to_string(row).unwrap()));
    }
    for row in fold.closures.values() {
        lines.push(format!("manual_time_closures {}", serde_json::to_string(row).unwrap()));
    }
    for named in fold.reference.tables(R::MODEL).unwrap() {
        lines.push(format!("{} {}", named.table, named.rows));
    }
    lines.sort();
    lines.join("\n") + "\n\n"
}

fn changes(events: &[RecordedEvent], history: &History) -> Vec<ViewChange> {
    let mut interpreter = Interpreter::default();
    let mut change = |event| interpreter.interpret(DecodedEvent::read(event), &history.decryptor).unwrap();
    events.iter().map(&mut change).collect()
}

/// The hash of what a history folds into in all orders, by view.
fn fingerprints(history: &History) -> BTreeMap<ReadModel, String> {
    let mut texts: BTreeMap<ReadModel, String> = BTreeMap::new();
    for order in Order::ALL {
        let changes = changes(&order.apply(&history.events), history);
        for model in ReadModel::ALL {
            let looks = match model {
                ReadModel::Legacy => looks::<LegacyRow>(&changes, order.look_events()),
                ReadModel::Dynamic => looks::<DynamicRow>(&changes, order.look_events()),
            };
            *texts.entry(model).or_default() += &format!("{order:?}\n{}", looks.concat());
        }
    }
    texts.into_iter().map(|(model, text)| (model, sha256(&text))).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ledger entry for a history with the present fold.
fn entry(name: &str, text: &str) -> Fingerprint {
    let mut views = fingerprints(&History::read(text));
    Fingerprint {
        version: FOLD_VERSION,
        history: name.to_owned(),
        history_sha256: sha256(text),
        legacy: views.remove(&ReadModel::Legacy).unwrap(),
        dynamic: views.remove(&ReadModel::Dynamic).unwrap(),
    }
}

#[test]
fn a_changed_fold_needs_a_new_fold_version() {
    let ledger = ledger::read(LEDGER);
    for (name, text) in HISTORIES {
        let folded = entry(name, text);
        let kept = ledger.iter().find(|kept| kept.version == FOLD_VERSION && kept.history == name);
        if let Some(advice) = ledger::check(kept, &folded) {
            panic!("{advice}");
        }
    }
}

#[test]
fn the_ledger_of_fingerprints_only_grows() {
    let faults = ledger::faults(&ledger::read(LEDGER), FOLD_VERSION);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_event_type_occurs_in_the_golden_histories_more_than_once() {
    let mut counts: BTreeMap<std::sync::Arc<str>, usize> = BTreeMap::new();
    for event in HISTORIES.iter().flat_map(|(_, text)| History::read(text).events) {
        *counts.entry(event.event_type).or_default() += 1;
    }
    let rare = |kind: &str| counts.get(kind).copied().unwrap_or(0) < 2;
    let missing: Vec<&str> =
        EVENT_TYPES.iter().map(|known| known.event_type.as_str()).filter(|kind| rare(kind)).collect();
    assert!(missing.is_empty(), "give {missing:?} a golden history of their own");
}

#[test]
fn every_event_of_a_golden_history_in_a_category_of_the_views_changes_a_row() {
    for (name, text) in HISTORIES {
        let history = History::read(text);
        let changes = changes(&history.events, &history);
        let views = [looks::<LegacyRow>(&changes, 1), looks::<DynamicRow>(&changes, 1)];
        for (place, event) in history.events.iter().enumerate().skip(1) {
            let changes = views.iter().any(|looks| looks[place] != looks[place - 1]);
            // A row leaves its day when it arrives on another one.
            let is_of_the_views =
                changes_views(event.stream.category()) && &*event.event_type != "ReservationMovedOut";
            assert_eq!(changes, is_of_the_views, "{name}, line {}: {event:?}", place + 1);
        }
    }
}
