//! The write side: everything that can be asked of Daybook, as functions.
//!
//! What is decided rests on the log alone; no view is ever read here.

mod booking;
mod clinic;
mod forget;
mod sealing;

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::phone::Phone;
use daybook_domain::routing::Routing;
use daybook_domain::schedule::DaySchedule;
use daybook_domain::{ClinicZone, SubjectId};
use daybook_event_log::EventLog;
use daybook_event_log::vault::Vault;

pub use booking::{BookingOutcome, NewReservation, ReservationChange};
pub use clinic::{NewClosure, Recorded, Seeded};
pub use forget::Forgotten;

use crate::clock::Clock;
use crate::error::CommandError;
use crate::follower::{Followed, Follower};
use crate::pages::{Pages, WorkerContext};

/// Where the clinic is and what time it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The zone in which the clinic keeps its book.
    pub zone: ClinicZone,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// The write side. Clones share pages and streams in memory.
#[derive(Debug, Clone)]
pub struct Commands(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    vault: Vault,
    office: Arc<WorkerContext>,
    streams: Followed,
    pages: Pages,
    /// Held for as long as anybody holds a clone.
    _follower: Follower,
}

impl Commands {
    /// Loads catalog, hours and routing, and follows them from then on, until the last clone is dropped.
    pub async fn open(
        log: Arc<dyn EventLog>,
        vault: Vault,
        settings: Settings,
    ) -> Result<Self, CommandError> {
        let streams = Followed::unread();
        let follower = streams.clone().start(Arc::clone(&log), vault.clone()).await?;
        let office = Arc::new(WorkerContext {
            log,
            catalog: Arc::clone(&streams.catalog),
            hours: Arc::clone(&streams.hours),
            routing: Arc::clone(&streams.routing),
            zone: settings.zone,
            clock: settings.clock,
        });
        let pages = Pages::new(Arc::clone(&office));
        Ok(Self(Arc::new(Inner { vault, office, streams, pages, _follower: follower })))
    }

    /// The catalog as it is followed.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.streams.catalog.state()
    }

    /// The clinic's hours as they are followed.
    pub fn hours(&self) -> Arc<Hours> {
        self.0.streams.hours.state()
    }

    /// The routing as it is followed.
    pub fn routing(&self) -> Arc<Routing> {
        self.0.streams.routing.state()
    }

    /// What the clinic's clock and calendar show.
    pub fn now_local(&self) -> NaiveDateTime {
        self.0.office.zone.local(self.0.office.clock.now())
    }

    /// The subject that a phone number belongs to.
    pub fn subject(&self, phone: &Phone) -> SubjectId {
        self.0.vault.subject(phone)
    }

    /// A page as the log has it now. For tests and tools: queries read a view.
    pub async fn page(&self, date: NaiveDate) -> Result<DaySchedule, CommandError> {
        self.0.pages.look(date, DaySchedule::clone).await
    }

    /// The event log.
    pub fn log(&self) -> &dyn EventLog {
        &*self.0.office.log
    }

    /// The keys of patients' details.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }
}
