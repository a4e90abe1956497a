//! Subscription filters, both as the server receives them and as the model evaluates them.
//!
//! The model compares plain text. It must never use a regular expression.

use eventstore::SubscriptionFilter;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// Texts to filter by: prefixes, suffixes and other parts of the names of streams and types.
const TEXTS: [&str; 8] = ["alpha", "alpha-", "beta", "1", "Booked", "BookedA", "Again", "e"];

/// The field to which the filter applies.
#[derive(Debug, Clone, Copy)]
enum Field {
    StreamName,
    EventType,
}

/// The condition that an event must meet.
#[derive(Debug, Clone)]
enum Passing {
    /// The field starts with one of these prefixes.
    Prefixes(Vec<&'static str>),
    /// The field starts with this text. Uses a regular expression.
    IfMissing(&'static str),
    /// The field ends with this text. Uses a regular expression.
    Ending(&'static str),
    /// The field contains this text. Uses a regular expression.
    Holding(&'static str),
    /// The event is not a system event. Uses the client's own regular expression.
    NotOfTheSystem,
}

#[derive(Debug, Clone)]
pub(super) struct Sieve {
    field: Field,
    passing: Passing,
    /// Maximum number of events between checkpoints.
    window: Option<u32>,
}

impl Sieve {
    pub(super) fn filter(&self) -> SubscriptionFilter {
        let filter = match self.field {
            Field::StreamName => SubscriptionFilter::on_stream_name(),
            Field::EventType => SubscriptionFilter::on_event_type(),
        };
        let filter = match &self.passing {
            Passing::Prefixes(prefixes) => prefixes.iter().fold(filter, SubscriptionFilter::add_prefix),
            Passing::IfMissing(text) => filter.regex(format!("^{text}")),
            Passing::Ending(text) => filter.regex(format!("{text}$")),
            Passing::Holding(text) => filter.regex(text),
            Passing::NotOfTheSystem => filter.exclude_system_events(),
        };
        match self.window {
            Some(window) => filter.max(window),
            None => filter,
        }
    }

    pub(super) fn passes(&self, stream: &str, kind: &str) -> bool {
        let field = match self.field {
            Field::StreamName => stream,
            Field::EventType => kind,
        };
        match &self.passing {
            Passing::Prefixes(prefixes) => prefixes.iter().any(|prefix| field.starts_with(prefix)),
            Passing::IfMissing(text) => field.starts_with(text),
            Passing::Ending(text) => field.ends_with(text),
            Passing::Holding(text) => field.contains(text),
            Passing::NotOfTheSystem => !field.starts_with('$'),
        }
    }
}

pub(super) fn any_sieve() -> impl Strategy<Value = Sieve> {
    let field = select(vec![Field::StreamName, Field::EventType]);
    let passing = prop_oneof![
        4 => subsequence(TEXTS.to_vec(), 1..=3).prop_map(Passing::Prefixes),
        2 => select(&TEXTS).prop_map(Passing::IfMissing),
        2 => select(&TEXTS).prop_map(Passing::Ending),
        2 => select(&TEXTS).prop_map(Passing::Holding),
        1 => Just(Passing::NotOfTheSystem),
    ];
    let window = prop::option::of(select(vec![1, 4, 32]));
    (field, passing, window).prop_map(|(field, passing, window)| Sieve { field, passing, window })
}
