//! Operations on a log. They refer to the current contents of the log, so a case still makes sense after some of its
//! operations are removed.

use chrono::NaiveDate;
use daybook_event_log::{Category, Filter, StreamName};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Maximum number of events in an append.
const MAX_EVENTS: usize = 4;

/// Maximum distance of expectations and revisions from the actual values.
const MAX_DISTANCE: u64 = 5;

/// How far back an operation may refer to an earlier append or position.
const MAX_BACK: usize = 12;

/// JSON texts that lose information when they are parsed. The contract suite covers the rejection of surrounding white
/// space.
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

/// An event without its ID.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) kind: &'static str,
    pub(super) payload: &'static str,
    pub(super) metadata: &'static str,
}

/// The place where an append expects its stream to end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    End,
    /// Before the stream's first event.
    NoStream,
    /// This many events before the stream's end.
    Behind(u64),
    /// This many events after the stream's end.
    Ahead(u64),
}

/// How a repeated append differs from the original append.
#[derive(Debug, Clone)]
pub(super) enum Change {
    None,
    /// The same events at another place in their stream.
    Elsewhere(Place),
    /// The same events at the same revision in another stream.
    InStream(StreamName),
    /// The same content with new IDs.
    OtherIds,
    /// The same IDs with other content.
    OtherWords(Words),
    /// Only some of the events, at their original places.
    Part {
        skipped: usize,
        taken: usize,
    },
    /// All events but the first, shifted to the place of the first.
    Shifted,
    /// The original events followed by another event.
    Longer(Words),
}

/// The event after which a reader starts.
#[derive(Debug, Clone, Copy)]
pub(super) enum After {
    Start,
    /// An event with a known position, counting back from the last.
    Event(usize),
    /// A position far after every event.
    Beyond,
}

/// The streams that a reader selects.
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
    /// Repeats an earlier append, successful or not, counting back from the last.
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

    /// Evaluates the selection for the model, by the part of the name before the `-`.
    pub(super) fn wants(&self, stream: &StreamName) -> bool {
        let family = stream.as_str().split('-').next();
        match self {
            Self::All => true,
            Self::Families(families) => families.iter().any(|wanted| Some(wanted.as_str()) == family),
        }
    }
}

/// The streams of all cases. There are few, so that operations often meet.
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
        // A follower of no families would wait indefinitely, and the port does not define a follower that starts after
        // a future position.
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

/// Generates selections of at least `least` families. Some of the families have no streams.
fn any_wanted(least: usize) -> impl Strategy<Value = Wanted> {
    let families = Category::ALL.to_vec();
    let most = families.len();
    prop_oneof![
        1 => Just(Wanted::All),
        2 => subsequence(families, least..=most).prop_map(Wanted::Families),
    ]
}
