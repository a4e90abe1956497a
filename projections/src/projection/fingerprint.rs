//! Fingerprints of the folds: what golden histories fold into, hashed, each beside the version of the rules that folded it.
//!
//! A fold that changes makes the views that stand already differ from those it would build, and nothing in them says so.
//! Here it shows before it is released, without a database. What was kept is never edited to please a fold.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod history;
mod ledger;

use std::collections::BTreeMap;

use daybook_domain::ReadModel;
use daybook_event_log::codec::EVENT_TYPES;
use daybook_event_log::{Category, RecordedEvent};
use sha2::{Digest as _, Sha256};

use crate::control::ids::FOLD_VERSION;
use crate::projection::change::{Decoded, Interpreter, ViewChange};
use crate::projection::fold::Fold;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use history::History;
pub(crate) use history::History as Golden;
use ledger::{Entry, LEDGER};

/// The golden histories by name. One is never changed: what is new goes into another, with an entry of its own.
const HISTORIES: [(&str, &str); 4] = [
    ("first_release", include_str!("../../../tests/fixtures/golden_histories/first_release.jsonl")),
    ("retirements", include_str!("../../../tests/fixtures/golden_histories/retirements.jsonl")),
    ("stages", include_str!("../../../tests/fixtures/golden_histories/stages.jsonl")),
    ("reimports", include_str!("../../../tests/fixtures/golden_histories/reimports.jsonl")),
];

/// The golden histories, for other tests.
pub(crate) fn golden() -> impl Iterator<Item = Golden> {
    HISTORIES.iter().map(|(_, text)| History::read(text))
}

/// An order in which a history is folded. Most of them no log would have; a fold refuses none.
#[derive(Debug, Clone, Copy)]
enum Order {
    RecordedEvent,
    Backwards,
    StreamByStream,
    LastStreamFirst,
}

impl Order {
    const ALL: [Self; 4] =
        [Self::RecordedEvent, Self::Backwards, Self::StreamByStream, Self::LastStreamFirst];

    fn of(self, recorded: &[RecordedEvent]) -> Vec<RecordedEvent> {
        let mut events = recorded.to_vec();
        match self {
            Self::RecordedEvent => {}
            Self::Backwards => events.reverse(),
            // Both sorts leave a stream's events as they stand.
            Self::StreamByStream => events.sort_by(|a, b| a.stream.cmp(&b.stream)),
            Self::LastStreamFirst => events.sort_by(|a, b| b.stream.cmp(&a.stream)),
        }
        events
    }

    /// Events after which the rows are looked at, and again and again. In the log's own order that is each one, so that
    /// what a later event covers up shows too; in the others only what comes out in the end matters.
    const fn look_events(self) -> usize {
        match self {
            Self::RecordedEvent => 1,
            Self::Backwards | Self::StreamByStream | Self::LastStreamFirst => usize::MAX,
        }
    }
}

/// Everything that effects fold into, one row a line: as it is at every look.
fn looks<R: ReservationRow>(effects: &[ViewChange], look_events: usize) -> Vec<String> {
    let mut fold: Fold<R> = Fold::new(Reference::default());
    let mut look = |some: &[ViewChange]| {
        some.iter().for_each(|effect| fold.apply(effect));
        rows(&fold)
    };
    effects.chunks(look_events).map(&mut look).collect()
}

fn rows<R: ReservationRow>(fold: &Fold<R>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for row in fold.rows.values() {
        let fact = row.fact(&fold.reference).hash();
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

fn effects(events: &[RecordedEvent], history: &History) -> Vec<ViewChange> {
    let mut interpreter = Interpreter::default();
    let mut effect = |event| interpreter.interpret(Decoded::read(event), &history.opener).unwrap();
    events.iter().map(&mut effect).collect()
}

/// What a history folds into, by view: in every order, hashed as one.
fn fingerprints(history: &History) -> BTreeMap<ReadModel, String> {
    let mut texts: BTreeMap<ReadModel, String> = BTreeMap::new();
    for order in Order::ALL {
        let effects = effects(&order.of(&history.events), history);
        for model in ReadModel::ALL {
            let looks = match model {
                ReadModel::Legacy => looks::<LegacyRow>(&effects, order.look_events()),
                ReadModel::Dynamic => looks::<DynamicRow>(&effects, order.look_events()),
            };
            *texts.entry(model).or_default() += &format!("{order:?}\n{}", looks.concat());
        }
    }
    texts.into_iter().map(|(model, text)| (model, sha256(&text))).collect()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The entry that the ledger would have to hold for a history as it stands and folds now.
fn entry(name: &str, text: &str) -> Entry {
    let mut views = fingerprints(&History::read(text));
    Entry {
        version: FOLD_VERSION,
        history: name.to_owned(),
        history_sha256: sha256(text),
        legacy: views.remove(&ReadModel::Legacy).unwrap(),
        dynamic: views.remove(&ReadModel::Dynamic).unwrap(),
    }
}

#[test]
fn no_fold_has_changed_without_its_version_going_up() {
    let ledger = ledger::read(LEDGER);
    for (name, text) in HISTORIES {
        let folded = entry(name, text);
        let kept = ledger.iter().find(|kept| kept.version == FOLD_VERSION && kept.history == name);
        if let Some(advice) = ledger::judge(kept, &folded) {
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
fn every_event_type_stands_in_a_golden_history_more_than_once() {
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
fn every_event_of_a_golden_history_changes_a_row_but_for_those_of_routing() {
    for (name, text) in HISTORIES {
        let history = History::read(text);
        let effects = effects(&history.events, &history);
        let views = [looks::<LegacyRow>(&effects, 1), looks::<DynamicRow>(&effects, 1)];
        for (place, event) in history.events.iter().enumerate().skip(1) {
            let changes = views.iter().any(|looks| looks[place] != looks[place - 1]);
            let is_routing = event.stream.category() == Category::Routing;
            assert_eq!(changes, !is_routing, "{name}, line {}: {event:?}", place + 1);
        }
    }
}
