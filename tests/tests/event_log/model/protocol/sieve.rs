//! Filters of subscriptions, as the server is asked for them and as the model understands them.
//!
//! The model compares plain texts: it must never come to its answer by a regular expression.

use eventstore::SubscriptionFilter;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What streams and types begin with, end with, or hold, some of it in part.
const TEXTS: [&str; 8] = ["alpha", "alpha-", "beta", "1", "Booked", "BookedA", "Again", "e"];

/// What is filtered by.
#[derive(Debug, Clone, Copy)]
enum Field {
    StreamName,
    EventType,
}

/// What passes.
#[derive(Debug, Clone)]
enum Passing {
    /// What begins with one of these.
    Prefixes(Vec<&'static str>),
    /// By a regular expression: what begins with this.
    IfMissing(&'static str),
    /// By a regular expression: what ends with this.
    Ending(&'static str),
    /// By a regular expression: what holds this anywhere.
    Holding(&'static str),
    /// By the client's own regular expression: what is not the server's.
    NotOfTheSystem,
}

#[derive(Debug, Clone)]
pub(super) struct Sieve {
    field: Field,
    passing: Passing,
    /// After so many events at the most comes a checkpoint.
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
