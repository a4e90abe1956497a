//! Everything that can be recorded, by the stream it is recorded in.

use crate::catalog::CatalogEvent;
use crate::hours::HoursEvent;
use crate::privacy::PrivacyEvent;
use crate::routing::RoutingEvent;
use crate::schedule::ScheduleEvent;

/// One fact of the log. The variants are the families of streams; each event type belongs to exactly one.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// On the page of a clinic day.
    Schedule(ScheduleEvent),
    /// In the catalog of services.
    Catalog(CatalogEvent),
    /// In the clinic's weekly hours.
    Hours(HoursEvent),
    /// On which read model answers whom.
    Routing(RoutingEvent),
    /// On patients who asked to be forgotten.
    Privacy(PrivacyEvent),
}
