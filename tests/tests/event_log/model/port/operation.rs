//! What may be asked of a log, said in terms of what is in it by then, so that a case makes sense with some of its
//! operations left out.

use chrono::NaiveDate;
use daybook_event_log::{Category, Filter, StreamName};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// The most events that one append has.
const MAX_EVENTS: usize = 4;

/// How far expectations and revisions lie beside the truth, at the most.
const MAX_DISTANCE: u64 = 5;

/// From how far back appends and positions are taken again.
const MAX_BACK: usize = 12;

/// JSON whose bytes say more than its value does. White space around it is refused, which the contract suite shows.
const TEXTS: [&str; 9] = [
    "{}",
    "null",
    "1.50",
    "\"x\"",
    "{\"b\":1, \"a\" : [1,2]}",
    "{\"a\":1,\"a\":2}",
    "\"피부케어\"",
    "\"\\u0041\\n\"",
    "{\n  \"big\": 12345678901234567890123\n}",
];

/// What an event says, without its id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) kind: &'static str,
    pub(super) payload: &'static str,
    pub(super) metadata: &'static str,
}

/// Where an append expects its stream to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    End,
    /// Before its first event.
    NoStream,
    /// So many events before its end.
    Behind(u64),
    /// So many events after its end.
    Ahead(u64),
}

/// How an append that was asked before is asked again.
#[derive(Debug, Clone)]
pub(super) enum Change {
    None,
    /// The same events elsewhere in their stream.
    Elsewhere(Place),
    /// The same events at their revision in another stream.
    InStream(StreamName),
    /// New ids, the same words.
    OtherIds,
    /// The same ids, other words.
    OtherWords(Words),
    /// Only some of its events, which stay at their places.
    Part {
        skipped: usize,
        taken: usize,
    },
    /// Without its first event, the others at its place.
    Shifted,
    /// With another event after its own.
    Longer(Words),
}

/// After which event a reader begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Start,
    /// The so-manieth from the last whose position was told.
    Event(usize),
    /// Far beyond whatever there is.
    Beyond,
}

/// Which streams a reader wants.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    All,
    Families(Vec<Category>),
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    Append {
        stream: StreamName,
        place: Place,
        events: Vec<Words>,
    },
    /// The so-manieth append from the last, taken or not.
    Again {
        back: usize,
        change: Change,
    },
    ReadStream {
        stream: StreamName,
        from: u64,
    },
    ReadAll {
        after: After,
        wanted: Wanted,
    },
    Follow {
        after: After,
        wanted: Wanted,
    },
    Head,
}

impl Wanted {
    pub(super) fn filter(&self) -> Filter {
        match self {
            Self::All => Filter::all(),
            Self::Families(families) => Filter::categories(families.iter().copied()),
        }
    }

    /// The model's own understanding of it: by what stands before the `-`.
    pub(super) fn wants(&self, stream: &StreamName) -> bool {
        let family = stream.as_str().split('-').next();
        match self {
            Self::All => true,
            Self::Families(families) => families.iter().any(|wanted| Some(wanted.as_str()) == family),
        }
    }
}

/// All streams of a case: so few that they meet again and again.
pub(super) fn streams() -> Vec<StreamName> {
    let page = |day| StreamName::page(NaiveDate::from_ymd_opt(2026, 12, day).unwrap());
    vec![page(1), page(2), StreamName::catalog(), StreamName::routing()]
}

pub(super) fn any_operation() -> impl Strategy<Value = Operation> {
    let events = prop::collection::vec(any_words(), 1..=MAX_EVENTS);
    let append = (select(streams()), any_place(), events);
    prop_oneof![
        10 => append.prop_map(|(stream, place, events)| Operation::Append { stream, place, events }),
        7 => (0..MAX_BACK, any_change()).prop_map(|(back, change)| Operation::Again { back, change }),
        4 => (select(streams()), 0..=2 * MAX_DISTANCE)
            .prop_map(|(stream, from)| Operation::ReadStream { stream, from }),
        4 => (any_after(), any_wanted(0)).prop_map(|(after, wanted)| Operation::ReadAll { after, wanted }),
        // Who wants nothing would wait for ever; what follows a position that is yet to come is not said.
        2 => (any_told(), any_wanted(1)).prop_map(|(after, wanted)| Operation::Follow { after, wanted }),
        2 => Just(Operation::Head),
    ]
}

fn any_words() -> impl Strategy<Value = Words> {
    (select(vec!["SomethingHappened", "SomethingElseHappened"]), select(&TEXTS), select(&TEXTS))
        .prop_map(|(kind, payload, metadata)| Words { kind, payload, metadata })
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        6 => Just(Place::End),
        1 => Just(Place::NoStream),
        1 => (1..=MAX_DISTANCE).prop_map(Place::Behind),
        1 => (1..=MAX_DISTANCE).prop_map(Place::Ahead),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => Just(Change::None),
        2 => any_place().prop_map(Change::Elsewhere),
        1 => select(streams()).prop_map(Change::InStream),
        1 => Just(Change::OtherIds),
        1 => any_words().prop_map(Change::OtherWords),
        3 => (0..MAX_EVENTS, 1..MAX_EVENTS).prop_map(|(skipped, taken)| Change::Part { skipped, taken }),
        1 => Just(Change::Shifted),
        2 => any_words().prop_map(Change::Longer),
    ]
}

fn any_after() -> impl Strategy<Value = After> {
    prop_oneof![11 => any_told(), 1 => Just(After::Beyond)]
}

fn any_told() -> impl Strategy<Value = After> {
    prop_oneof![3 => Just(After::Start), 8 => (0..MAX_BACK).prop_map(After::Event)]
}

/// Families of which there are streams and families of which there are none, at least so many.
fn any_wanted(least: usize) -> impl Strategy<Value = Wanted> {
    let families = Category::ALL.to_vec();
    let most = families.len();
    prop_oneof![
        1 => Just(Wanted::All),
        2 => subsequence(families, least..=most).prop_map(Wanted::Families),
    ]
}
