//! All events, grouped by stream. An event type belongs to exactly one group.

use crate::access::AccessEvent;
use crate::catalog::CatalogEvent;
use crate::hours::HoursEvent;
use crate::idempotency::IdempotencyEvent;
use crate::privacy::PrivacyEvent;
use crate::routing::RoutingEvent;
use crate::schedule::ScheduleEvent;

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
