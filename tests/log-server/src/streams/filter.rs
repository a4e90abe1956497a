//! Filters for reads of and subscriptions to all streams, by stream name or event type.
//!
//! A filter only hides events from a client. It never changes the client's position.

use regex::Regex;
use tonic::Status;

use crate::protocol::streams::read_req::options::FilterOptions;
use crate::protocol::streams::read_req::options::filter_options::{Expression, Filter as By, Window};
use crate::refusal::malformed;
use crate::store::Record;

/// The default number of events to search for a page.
pub(super) const SEARCH_WINDOW: usize = 32;

#[derive(Debug, Clone)]
enum Matching {
    Prefixes(Vec<String>),
    Regex(Regex),
}

#[derive(Debug, Clone, Copy)]
enum Field {
    StreamName,
    EventType,
}

#[derive(Debug, Clone)]
pub(super) struct Filter {
    field: Field,
    matching: Matching,
    /// The number of events to search for a page.
    pub(super) window: usize,
    /// The number of searched events after which the server must send a checkpoint.
    pub(super) checkpoint_interval: usize,
}

impl Filter {
    pub(super) fn from_wire(options: FilterOptions) -> Result<Self, Status> {
        let (field, expression) = match options.filter {
            Some(By::StreamIdentifier(expression)) => (Field::StreamName, expression),
            Some(By::EventType(expression)) => (Field::EventType, expression),
            None => return Err(malformed("the filter is empty")),
        };
        let window = match options.window {
            Some(Window::Max(window)) => usize::try_from(window).unwrap_or(usize::MAX),
            Some(Window::Count(_)) => SEARCH_WINDOW,
            None => return Err(malformed("the filter has no window")),
        };
        let multiplier = usize::try_from(options.checkpoint_interval_multiplier).unwrap_or(usize::MAX);
        let checkpoint_interval = window.saturating_mul(multiplier);
        if checkpoint_interval == 0 {
            return Err(malformed("the filter's window or checkpoint interval is zero"));
        }
        Ok(Self { field, matching: matching(expression)?, window, checkpoint_interval })
    }

    pub(super) fn accepts(&self, record: &Record) -> bool {
        let text = match self.field {
            Field::StreamName => &*record.stream,
            Field::EventType => &record.event.event_type,
        };
        match &self.matching {
            Matching::Prefixes(prefixes) => prefixes.iter().any(|prefix| text.starts_with(prefix)),
            Matching::Regex(regex) => regex.is_match(text),
        }
    }
}

fn matching(expression: Expression) -> Result<Matching, Status> {
    if expression.regex.is_empty() {
        return Ok(Matching::Prefixes(expression.prefix));
    }
    let regex = Regex::new(&expression.regex).map_err(|_| malformed("the filter's regex is invalid"))?;
    Ok(Matching::Regex(regex))
}
