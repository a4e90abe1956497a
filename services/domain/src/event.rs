//! All events, grouped by stream. An event type belongs to exactly one group.

use crate::access::AccessEvent;
use crate::catalog::CatalogEvent;
use crate::hours::HoursEvent;
use crate::idempotency::IdempotencyEvent;
use crate::privacy::PrivacyEvent;
use crate::routing::RoutingEvent;
use crate::schedule::ScheduleEvent;
use crate::value::Faults;

/// Values that no release has ever accepted, so no command of Daybook caused the event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    #[error("{0}")]
    OutOfRange(#[from] Faults),
    #[error("two stretches of a weekday overlap")]
    Overlap,
}

/// An event of the log. Each variant stands for one kind of stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Stream `daybook-<date>`.
    Schedule(ScheduleEvent),
    /// Stream `catalog-main`.
    Catalog(CatalogEvent),
    /// Stream `hours-main`.
    Hours(HoursEvent),
    /// Stream `routing-main`.
    Routing(RoutingEvent),
    /// Stream `privacy-main`.
    Privacy(PrivacyEvent),
    /// Stream `idempotency-<hash of a key>`.
    Idempotency(IdempotencyEvent),
    /// Stream `access-main`.
    Access(AccessEvent),
}

impl Event {
    /// Checks the values without which the rules cannot calculate: those of the hours and the services. Only ranges that hold
    /// since the first release are checked, because everything else may be a fact.
    ///
    /// # Errors
    /// Another program wrote the event.
    pub fn check(&self) -> Result<(), Impossible> {
        match self {
            Self::Hours(HoursEvent::ClinicHoursSet(set)) => set.check_possible(),
            Self::Catalog(event) => Ok(event.check_possible()?),
            Self::Schedule(_)
            | Self::Routing(_)
            | Self::Privacy(_)
            | Self::Idempotency(_)
            | Self::Access(_) => Ok(()),
        }
    }
}
