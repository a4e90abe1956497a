//! Commands of the clinic's staff: services, hours, closures, routing, and the first start. Bookings are elsewhere.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use daybook_domain::access::{AccessCommand, AccessEvent, SubjectTokensRevoked, TokenRevoked};
use daybook_domain::catalog::{Catalog, CatalogCommand, first_services};
use daybook_domain::hours::{ClinicHoursSet, Hours, first_hours};
use daybook_domain::routing::{RolloutOpened, RoutingCommand};
use daybook_domain::schedule::{CloseTime, ClosedTime, Closure, DaySchedule, Rejection, ScheduleCommand};
use daybook_domain::time::Span;
use daybook_domain::{Actor, ClosureId, RequestFingerprint, ServiceId};
use daybook_event_log::Position;
use uuid::Uuid;

use super::Commands;
use crate::day_schedules::{CommandBatch, Shown};
use crate::error::CommandError;
use crate::ids::{IdempotencyKey, closure_from, named_closure};
use crate::origin::Origin;
use crate::singleton_stream::{Aggregate, ChangeOutcome};

/// A request to close a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClosure {
    /// The caller's name for the request, if it may be repeated.
    pub key: Option<IdempotencyKey>,
    /// The time to close.
    pub time: ClosedTime,
    /// The service it applies to; `None` for all.
    pub service: Option<ServiceId>,
    /// A reason that booking clients see.
    pub reason: Option<Box<str>>,
}

/// A closure after a command.
#[derive(Debug, Clone)]
pub struct ClosureOutcome {
    pub id: ClosureId,
    /// As it was recorded first.
    pub closure: Closure,
    /// Whether it is in force. A repeated request finds a closure that was removed meanwhile.
    pub is_active: bool,
    /// A view at this position shows the closure.
    pub position: Position,
    /// The day with its bookings, at that position.
    pub schedule: DaySchedule,
}

/// The kind of a request to close time, in fingerprints and keys. Storage format.
const CLOSURE: &str = "closure";

/// A command that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Position that a view has to reach before it shows the effect.
    pub position: Position,
    /// Whether the effect was there before, so that nothing was appended.
    pub is_repeated: bool,
}

/// What a first start set up; all zero where it had been set up before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedOutcome {
    /// Number of events for services and their limits.
    pub catalog_events: usize,
    /// Number of events for the hours, one per weekday.
    pub hours_events: usize,
    /// Number of events for the rollout.
    pub routing_events: usize,
}

impl Commands {
    /// Initialises a new clinic: six services with limits, the hours, and the salt of the rollout.
    ///
    /// Each part happens only once, even if several processes start at the same time. Later changes by staff stay.
    pub async fn seed(&self) -> Result<SeedOutcome, CommandError> {
        let (log, streams, origin) = (self.log(), &self.0.streams, &Origin::from_actor(Actor::system()));
        let now = self.0.context.clock.now();
        let salt = Uuid::new_v4().simple().to_string().into();
        let open = RoutingCommand::OpenRollout(RolloutOpened { salt });
        let catalog = streams.catalog.initialize(log, first_services(), origin, now).await;
        let hours = streams.hours.initialize(log, first_hours(), origin, now).await;
        let routing = streams.routing.change(log, vec![open], origin, now).await?;
        Ok(SeedOutcome {
            catalog_events: seeded_events(catalog)?,
            hours_events: seeded_events(hours)?,
            routing_events: routing.events,
        })
    }

    /// Closes a part of a day to new bookings. A repeated request with the same key finds the first closure.
    pub async fn close_time(
        &self,
        date: NaiveDate,
        request: NewClosure,
        origin: Origin,
    ) -> Result<ClosureOutcome, CommandError> {
        let NewClosure { key, time, service, reason } = request;
        let id = match &key {
            Some(key) => named_closure(key, origin.actor.as_str(), date),
            None => closure_from(Uuid::now_v7()),
        };
        let fingerprint = self.closure_fingerprint(date, time, service.as_ref(), reason.as_deref());
        let keyed = key.map(|key| {
            let keyed = self.keyed(CLOSURE, origin.actor.as_str(), &key, fingerprint);
            // Earlier releases compared the span that a half-day had.
            let span = time.span(&self.hours(), date).map(ClosedTime::Span);
            let former = span
                .filter(|span| *span != time)
                .map(|span| self.closure_fingerprint(date, span, service.as_ref(), reason.as_deref()));
            keyed.with_former(former)
        });
        let fingerprint = keyed.is_some().then_some(fingerprint);
        let close =
            ScheduleCommand::CloseTime(CloseTime { closure: id.clone(), time, service, reason, fingerprint });
        let batch = CommandBatch { commands: vec![close], new_key: None, shown: Shown::Schedule, origin };
        let outcome = match keyed {
            Some(keyed) => self.execute_keyed(&keyed, date, batch).await?,
            None => self.day_schedules().execute(date, batch).await?,
        };
        let (position, schedule) = (outcome.position, outcome.schedule);
        let schedule = schedule.unwrap_or_else(|| DaySchedule::empty(date));
        let is_active = schedule.closure(&id).is_some();
        let closure = schedule.closure(&id).or_else(|| schedule.lifted(&id)).cloned();
        let closure = closure.ok_or_else(|| Rejection::ClosureNotFound(id.clone()))?;
        Ok(ClosureOutcome { id, closure, is_active, position, schedule })
    }

    /// The closure as it was asked for. What the hours or a view make of it may be something else by the time it is repeated.
    fn closure_fingerprint(
        &self,
        date: NaiveDate,
        time: ClosedTime,
        service: Option<&ServiceId>,
        reason: Option<&str>,
    ) -> RequestFingerprint {
        let [first, second] = match time {
            ClosedTime::Span(Span { start, end }) => [start.to_string(), end.to_string()],
            ClosedTime::Period(period) => ["period".to_owned(), period.as_str().to_owned()],
        };
        let texts = [date.to_string(), first, second];
        let options = [service.map(ServiceId::as_str), reason];
        let options = options.map(|text| (text.is_some().to_string(), text.unwrap_or_default()));
        let options = options.iter().flat_map(|(is_given, text)| [is_given.as_str(), text]);
        let parts: Vec<&[u8]> = texts.iter().map(String::as_str).chain(options).map(str::as_bytes).collect();
        self.fingerprint(CLOSURE, &parts)
    }

    /// Removes a closure.
    pub async fn reopen_time(
        &self,
        date: NaiveDate,
        closure: ClosureId,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        Ok(self.execute_one(date, ScheduleCommand::ReopenTime(closure), origin).await?.position)
    }

    /// Changes the catalog. Without anything to change, the outcome has the position of its last event.
    pub async fn change_catalog(
        &self,
        command: CatalogCommand,
        origin: Origin,
    ) -> Result<ChangeOutcome<Catalog>, CommandError> {
        let now = self.0.context.clock.now();
        self.0.streams.catalog.change(self.log(), vec![command], &origin, now).await
    }

    /// Sets the hours of one weekday. Without anything to change, the outcome has the position of the last event.
    pub async fn set_hours(
        &self,
        command: ClinicHoursSet,
        origin: Origin,
    ) -> Result<ChangeOutcome<Hours>, CommandError> {
        let now = self.0.context.clock.now();
        self.0.streams.hours.change(self.log(), vec![command], &origin, now).await
    }

    /// Changes the routing. Returns the position of its last event, even if there was nothing to change.
    pub async fn change_routing(
        &self,
        command: RoutingCommand,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        self.change_routing_together(vec![command], origin).await
    }

    /// Makes several changes to the routing in one append: all of them or none.
    pub async fn change_routing_together(
        &self,
        commands: Vec<RoutingCommand>,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        let now = self.0.context.clock.now();
        Ok(self.0.streams.routing.change(self.log(), commands, &origin, now).await?.position)
    }

    /// Revokes a staff token by its id. `lifetime` is how long a token that is valid now can stay valid at most.
    pub async fn revoke_token(
        &self,
        token: Box<str>,
        lifetime: TimeDelta,
        reason: Option<Box<str>>,
        origin: Origin,
    ) -> Result<Recorded, CommandError> {
        let at = self.0.context.clock.now();
        let until = at.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let revoked = TokenRevoked { token, at, until, reason };
        self.change_access(AccessEvent::TokenRevoked(revoked), origin, at).await
    }

    /// Revokes the tokens of a member of staff that were issued before a moment; without one, before now.
    pub async fn revoke_tokens_of(
        &self,
        subject: Box<str>,
        issued_before: Option<DateTime<Utc>>,
        reason: Option<Box<str>>,
        origin: Origin,
    ) -> Result<Recorded, CommandError> {
        let at = self.0.context.clock.now();
        let issued_before = issued_before.unwrap_or(at);
        let revoked = SubjectTokensRevoked { subject, at, issued_before, reason };
        self.change_access(AccessEvent::SubjectTokensRevoked(revoked), origin, at).await
    }

    async fn change_access(
        &self,
        command: AccessCommand,
        origin: Origin,
        now: DateTime<Utc>,
    ) -> Result<Recorded, CommandError> {
        let access = &self.0.streams.access.cached;
        let ChangeOutcome { position, events, .. } =
            access.change(self.log(), vec![command], &origin, now).await?;
        Ok(Recorded { position, is_repeated: events == 0 })
    }

    /// Decides one command of a day's schedule and appends its events.
    pub async fn execute_one(
        &self,
        date: NaiveDate,
        command: ScheduleCommand,
        origin: Origin,
    ) -> Result<Recorded, CommandError> {
        let batch = CommandBatch { commands: vec![command], new_key: None, shown: Shown::Nothing, origin };
        let outcome = self.day_schedules().execute(date, batch).await?;
        Ok(Recorded { position: outcome.position, is_repeated: outcome.repeated })
    }
}

/// A stream with an event that this release cannot decode is not new. The views park that event and say what to do.
fn seeded_events<A: Aggregate>(
    outcome: Result<ChangeOutcome<A>, CommandError>,
) -> Result<usize, CommandError> {
    match outcome {
        Err(CommandError::Codec { .. }) => Ok(0),
        outcome => outcome.map(|outcome| outcome.events),
    }
}
