//! The aggregates of the small streams, as the domain has them.

use daybook_domain::Event;
use daybook_domain::catalog::{Catalog, CatalogCommand, CatalogEvent};
use daybook_domain::hours::{ClinicHoursSet, Hours, HoursEvent};
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::routing::{Routing, RoutingCommand, RoutingEvent};
use daybook_event_log::StreamName;

use super::Aggregate;
use crate::error::CommandError;

/// Who was forgotten. There is nothing to decide: whoever asks is forgotten, so no state is kept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ErasureLog;

macro_rules! part_of_event {
    ($family:ident) => {
        fn of(event: Event) -> Option<Self::Event> {
            if let Event::$family(event) = event { Some(event) } else { None }
        }

        fn recorded(event: Self::Event) -> Event {
            Event::$family(event)
        }
    };
}

impl Aggregate for Catalog {
    type Command = CatalogCommand;
    type Event = CatalogEvent;
    part_of_event!(Catalog);

    fn stream() -> StreamName {
        StreamName::catalog()
    }

    fn evolve(&mut self, event: &CatalogEvent) {
        Self::evolve(self, event);
    }

    fn decide(&self, command: CatalogCommand) -> Result<Vec<CatalogEvent>, CommandError> {
        Ok(Self::decide(self, command)?)
    }
}

impl Aggregate for Hours {
    type Command = ClinicHoursSet;
    type Event = HoursEvent;
    part_of_event!(Hours);

    fn stream() -> StreamName {
        StreamName::hours()
    }

    fn evolve(&mut self, event: &HoursEvent) {
        Self::evolve(self, event);
    }

    fn decide(&self, command: ClinicHoursSet) -> Result<Vec<HoursEvent>, CommandError> {
        Ok(Self::decide(self, command)?)
    }
}

impl Aggregate for Routing {
    type Command = RoutingCommand;
    type Event = RoutingEvent;
    part_of_event!(Routing);

    fn stream() -> StreamName {
        StreamName::routing()
    }

    fn evolve(&mut self, event: &RoutingEvent) {
        Self::evolve(self, event);
    }

    fn decide(&self, command: RoutingCommand) -> Result<Vec<RoutingEvent>, CommandError> {
        Ok(Self::decide(self, command)?)
    }
}

impl Aggregate for ErasureLog {
    type Command = SubjectForgotten;
    type Event = PrivacyEvent;
    part_of_event!(Privacy);

    fn stream() -> StreamName {
        StreamName::privacy()
    }

    fn evolve(&mut self, _event: &PrivacyEvent) {}

    fn decide(&self, command: SubjectForgotten) -> Result<Vec<PrivacyEvent>, CommandError> {
        Ok(vec![PrivacyEvent::SubjectForgotten(command)])
    }
}
