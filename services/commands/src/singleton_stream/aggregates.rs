//! The aggregates of the singleton streams. The rules are the domain's; nothing is decided here.

use daybook_domain::Event;
use daybook_domain::access::{AccessCommand, AccessEvent, Revocations};
use daybook_domain::catalog::{Catalog, CatalogCommand, CatalogEvent};
use daybook_domain::hours::{ClinicHoursSet, Hours, HoursEvent};
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::routing::{Routing, RoutingCommand, RoutingEvent};
use daybook_event_log::StreamName;

use super::Aggregate;
use crate::error::CommandError;

/// The record of forgotten patients. It has no state, because a request to be forgotten is never rejected.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ErasureLog;

impl ErasureLog {
    fn evolve(&mut self, _event: &PrivacyEvent) {}

    fn decide(&self, command: SubjectForgotten) -> Result<Vec<PrivacyEvent>, CommandError> {
        Ok(vec![PrivacyEvent::SubjectForgotten(command)])
    }
}

macro_rules! aggregate {
    ($aggregate:ty, $family:ident($event:ty), $command:ty, $stream:expr) => {
        impl Aggregate for $aggregate {
            type Command = $command;
            type Event = $event;

            fn stream() -> StreamName {
                $stream
            }

            fn from_event(event: Event) -> Option<Self::Event> {
                if let Event::$family(event) = event { Some(event) } else { None }
            }

            fn into_event(event: Self::Event) -> Event {
                Event::$family(event)
            }

            fn evolve(&mut self, event: &Self::Event) {
                Self::evolve(self, event);
            }

            #[allow(
                clippy::needless_question_mark,
                reason = "only the error of `ErasureLog` needs no conversion"
            )]
            fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, CommandError> {
                Ok(Self::decide(self, command)?)
            }
        }
    };
}

aggregate!(Catalog, Catalog(CatalogEvent), CatalogCommand, StreamName::catalog());
aggregate!(Hours, Hours(HoursEvent), ClinicHoursSet, StreamName::hours());
aggregate!(Routing, Routing(RoutingEvent), RoutingCommand, StreamName::routing());
aggregate!(Revocations, Access(AccessEvent), AccessCommand, StreamName::access());
aggregate!(ErasureLog, Privacy(PrivacyEvent), SubjectForgotten, StreamName::privacy());
