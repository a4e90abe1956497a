//! The write side as functions: every command of Daybook. Decisions depend on the log only; no view is ever read here.

mod booking;
mod clinic;
mod forget;
mod keyed;
mod sealing;
mod values;

use std::sync::Arc;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::access::Revocations;
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::phone::Phone;
use daybook_domain::routing::Routing;
use daybook_domain::schedule::DaySchedule;
use daybook_domain::time::ClinicNow;
use daybook_domain::{ClinicZone, Event, SubjectId};
use daybook_event_log::{EventLog, Metadata, RecordedEvent};
use daybook_vault::Vault;
use tokio::sync::OnceCell;

pub use booking::{BookingOutcome, NewReservation, ReservationChange, Sender};
pub use clinic::{ClosureOutcome, NewClosure, Recorded, SeedOutcome};
pub use forget::ForgetOutcome;

use crate::clock::Clock;
use crate::day_schedules::{DaySchedules, WorkerContext};
use crate::decoder::{Discards, EventDecoder};
use crate::error::CommandError;
use crate::follower::{FollowedStreams, Follower};
use crate::stranger_bookings::{StrangerBookings, StrangerBounds};

/// The clinic's zone, the clock, and the bounds on strangers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The clinic's time zone.
    pub zone: ClinicZone,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// How much strangers may book.
    pub bounds: StrangerBounds,
}

/// The write side. Clones share the cached schedules and streams.
#[derive(Debug, Clone)]
pub struct Commands(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    vault: Vault,
    context: Arc<WorkerContext>,
    streams: FollowedStreams,
    day_schedules: DaySchedules,
    bounds: StrangerBounds,
    /// Read at the first request of a stranger.
    strangers: OnceCell<StrangerBookings>,
    /// Ends with the last clone.
    _follower: Follower,
}

impl Commands {
    /// Loads catalog, hours, routing and the revoked tokens, and follows them until the last clone is dropped.
    pub async fn open(
        log: Arc<dyn EventLog>,
        vault: Vault,
        settings: Settings,
    ) -> Result<Self, CommandError> {
        Self::open_with(log, vault, settings, EventDecoder::default()).await
    }

    /// The same, leaving out discarded events.
    pub async fn open_without(
        log: Arc<dyn EventLog>,
        vault: Vault,
        settings: Settings,
        discards: Arc<dyn Discards>,
    ) -> Result<Self, CommandError> {
        Self::open_with(log, vault, settings, EventDecoder::new(discards)).await
    }

    async fn open_with(
        log: Arc<dyn EventLog>,
        vault: Vault,
        settings: Settings,
        decoder: EventDecoder,
    ) -> Result<Self, CommandError> {
        decoder.refresh().await?;
        let streams = FollowedStreams::new(&decoder);
        let follower = streams.clone().start(Arc::clone(&log), vault.clone()).await?;
        let context = Arc::new(WorkerContext {
            log,
            catalog: Arc::clone(&streams.catalog),
            hours: Arc::clone(&streams.hours),
            routing: Arc::clone(&streams.routing),
            zone: settings.zone,
            clock: settings.clock,
            decoder,
        });
        let day_schedules = DaySchedules::new(Arc::clone(&context));
        Ok(Self(Arc::new(Inner {
            vault,
            context,
            streams,
            day_schedules,
            bounds: settings.bounds,
            strangers: OnceCell::new(),
            _follower: follower,
        })))
    }

    /// The current catalog.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.streams.catalog.state()
    }

    /// The current hours of the clinic.
    pub fn hours(&self) -> Arc<Hours> {
        self.0.streams.hours.state()
    }

    /// The current routing.
    pub fn routing(&self) -> Arc<Routing> {
        self.0.streams.routing.state()
    }

    /// The revoked tokens.
    ///
    /// # Errors
    /// [`CommandError::Codec`] if this release cannot decode a revocation, so that nobody knows which token it concerns.
    pub fn revocations(&self) -> Result<Arc<Revocations>, CommandError> {
        self.0.streams.access.revocations()
    }

    /// The current instant and the clinic's zone.
    pub fn now(&self) -> ClinicNow {
        ClinicNow { instant: self.0.context.clock.now(), zone: self.0.context.zone }
    }

    /// The current local time in the clinic's zone.
    pub fn now_local(&self) -> NaiveDateTime {
        self.now().local()
    }

    /// The subject of a phone number.
    pub fn subject(&self, phone: &Phone) -> SubjectId {
        self.0.vault.subject(phone)
    }

    /// The subject of a phone number first, then those under which earlier releases recorded other spellings of it.
    pub fn subjects(&self, phone: &Phone) -> Vec<SubjectId> {
        self.0.vault.subjects(phone)
    }

    /// The current schedule of a day, from the log. For commands that say whom they concern, tests and tools; queries read
    /// a view.
    pub async fn day_schedule(&self, date: NaiveDate) -> Result<DaySchedule, CommandError> {
        self.0.day_schedules.read(date, DaySchedule::clone).await
    }

    /// Decodes an event of the log; `None` if it is discarded. An erasure that can be decoded is never left out.
    pub async fn decode(&self, recorded: &RecordedEvent) -> Result<Option<(Event, Metadata)>, CommandError> {
        self.decoder().decode(recorded).await
    }

    pub(crate) fn decoder(&self) -> &EventDecoder {
        &self.0.context.decoder
    }

    /// The event log.
    pub fn log(&self) -> &dyn EventLog {
        &*self.0.context.log
    }

    /// The keys of patients' details.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The counts of strangers' bookings. The first call reads the day schedules from today on.
    pub(crate) async fn strangers(&self) -> Result<&StrangerBookings, CommandError> {
        let Inner { context, bounds, strangers, .. } = &*self.0;
        let start = || {
            let (log, decoder) = (Arc::clone(&context.log), context.decoder.clone());
            StrangerBookings::start(log, decoder, *bounds, self.now())
        };
        strangers.get_or_try_init(start).await
    }

    /// Counts the open bookings of strangers ahead of their first request, which would have to wait for it.
    ///
    /// # Errors
    /// If the log cannot be read. The first request of a stranger tries again.
    pub async fn count_strangers(&self) -> Result<(), CommandError> {
        self.strangers().await.map(drop)
    }

    pub(crate) fn day_schedules(&self) -> &DaySchedules {
        &self.0.day_schedules
    }
}
