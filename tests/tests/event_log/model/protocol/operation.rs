//! Operations on the server. They refer to the current contents of the server, so a case still makes sense after some
//! of its operations are removed.

use proptest::prelude::*;
use proptest::sample::select;

use super::sieve::{Sieve, any_sieve};

/// The streams of all operations. There are few, so that operations often meet, and some names share a prefix.
pub(super) const STREAMS: [&str; 4] = ["alpha-1", "alpha-2", "alphabet-1", "beta-1"];

/// The event types of all operations. One is a prefix of another.
pub(super) const KINDS: [&str; 3] = ["Booked", "BookedAgain", "Moved"];

/// Maximum number of events in an append.
const MAX_EVENTS: usize = 4;

/// Maximum distance of expectations and revisions from the actual values.
const MAX_DISTANCE: u64 = 5;

/// How far back an operation may refer to an earlier append or position.
const MAX_BACK: usize = 12;

/// Maximum number of events in a read with a limit.
const MAX_COUNT: usize = 12;

/// The content of an event.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Json(&'static str),
    Binary(&'static [u8]),
}

/// An event without its ID.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) kind: &'static str,
    pub(super) content: Content,
    pub(super) metadata: &'static str,
}

/// The revision that a writer expects of a stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expecting {
    Any,
    StreamExists,
    NoStream,
    /// The stream's actual end.
    End,
    /// This many events before the stream's end.
    Behind(u64),
    /// This many events after the stream's end.
    Ahead(u64),
}

/// How a repeated append differs from the original append.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    None,
    /// Only some of the events.
    Part {
        skipped: usize,
        taken: usize,
    },
    /// The original events followed by another event.
    Longer(Words),
    InStream(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Forwards,
    Backwards,
}

/// An operation of a case.
///
/// A `None` position means the first event, or the last event in a backward read. A `None` count means no limit. An
/// event across all streams is identified by its distance from the last event, counting only events with a known
/// position.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Append {
        stream: &'static str,
        expecting: Expecting,
        events: Vec<Words>,
    },
    /// Repeats an earlier append, successful or not, counting back from the last. The expectation stays the same unless
    /// `expecting` replaces it.
    Again {
        back: usize,
        expecting: Option<Expecting>,
        change: Change,
    },
    Delete {
        stream: &'static str,
        expecting: Expecting,
    },
    Tombstone {
        stream: &'static str,
        expecting: Expecting,
    },
    ReadStream {
        stream: &'static str,
        way: Way,
        from: Option<u64>,
        count: Option<usize>,
    },
    ReadAll {
        way: Way,
        from: Option<usize>,
        count: Option<usize>,
    },
    SubscribeToStream {
        stream: &'static str,
        after: Option<u64>,
    },
    SubscribeToAll {
        after: Option<usize>,
        sieve: Option<Sieve>,
    },
}

pub(super) fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        20 => any_append(),
        12 => any_repetition(),
        4 => (any_stream(), any_expectation())
            .prop_map(|(stream, expecting)| Operation::Delete { stream, expecting }),
        1 => (any_stream(), any_expectation())
            .prop_map(|(stream, expecting)| Operation::Tombstone { stream, expecting }),
        8 => (any_stream(), any_way(), any_revision(), any_count())
            .prop_map(|(stream, way, from, count)| Operation::ReadStream { stream, way, from, count }),
        8 => (any_way(), any_event(), any_count())
            .prop_map(|(way, from, count)| Operation::ReadAll { way, from, count }),
        4 => (any_stream(), any_revision())
            .prop_map(|(stream, after)| Operation::SubscribeToStream { stream, after }),
        8 => (any_event(), prop::option::weighted(0.9, any_sieve()))
            .prop_map(|(after, sieve)| Operation::SubscribeToAll { after, sieve }),
    ]
}

fn any_append() -> impl Strategy<Value = Operation> {
    let events = prop::collection::vec(any_words(), 1..=MAX_EVENTS);
    (any_stream(), any_expectation(), events).prop_map(|(stream, expecting, events)| Operation::Append {
        stream,
        expecting,
        events,
    })
}

fn any_repetition() -> impl Strategy<Value = Operation> {
    (0..MAX_BACK, prop::option::of(any_expectation()), any_change())
        .prop_map(|(back, expecting, change)| Operation::Again { back, expecting, change })
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::None),
        2 => (0..MAX_EVENTS, 1..MAX_EVENTS).prop_map(|(skipped, taken)| Change::Part { skipped, taken }),
        2 => any_words().prop_map(Change::Longer),
        1 => any_stream().prop_map(Change::InStream),
    ]
}

fn any_words() -> impl Strategy<Value = Words> {
    let contents = [
        Content::Json("{}"),
        Content::Json("{\"b\":1, \"a\" : [1.50]}"),
        Content::Json("\"피부케어\""),
        Content::Binary(b""),
        Content::Binary(b"\x00\xff{"),
    ];
    (select(&KINDS), select(contents.to_vec()), select(vec!["", "{ }", "no JSON"]))
        .prop_map(|(kind, content, metadata)| Words { kind, content, metadata })
}

fn any_stream() -> impl Strategy<Value = &'static str> {
    select(&STREAMS)
}

fn any_expectation() -> impl Strategy<Value = Expecting> {
    prop_oneof![
        5 => Just(Expecting::Any),
        3 => Just(Expecting::StreamExists),
        3 => Just(Expecting::NoStream),
        5 => Just(Expecting::End),
        1 => (1..=MAX_DISTANCE).prop_map(Expecting::Behind),
        1 => (1..=MAX_DISTANCE).prop_map(Expecting::Ahead),
    ]
}

fn any_way() -> impl Strategy<Value = Way> {
    select(vec![Way::Forwards, Way::Backwards])
}

fn any_revision() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.7, 0..=2 * MAX_DISTANCE)
}

fn any_event() -> impl Strategy<Value = Option<usize>> {
    prop::option::weighted(0.7, 0..MAX_BACK)
}

fn any_count() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(1..=MAX_COUNT)
}
