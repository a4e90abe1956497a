//! Running the clinic: services, hours, closures, routing, and what a first start sets up.

use chrono::NaiveDate;
use daybook_domain::catalog::{CatalogCommand, first_services};
use daybook_domain::hours::{ClinicHoursSet, first_hours};
use daybook_domain::routing::{RolloutOpened, RoutingCommand};
use daybook_domain::schedule::{CloseTime, ScheduleCommand};
use daybook_domain::time::Span;
use daybook_domain::{Actor, ClosureId, ServiceId};
use daybook_event_log::Position;
use uuid::Uuid;

use super::Commands;
use crate::error::CommandError;
use crate::ids::{IdempotencyKey, closure_from, named_closure};
use crate::origin::Origin;
use crate::pages::CommandBatch;

/// A closure to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClosure {
    /// What the caller calls its request by.
    pub key: Option<IdempotencyKey>,
    /// From when until when.
    pub span: Span,
    /// For which service; none means all.
    pub service: Option<ServiceId>,
    /// Why, as booking clients are told.
    pub reason: Option<Box<str>>,
}

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
pub struct Seeded {
    /// Events about services and their limits.
    pub catalog_events: usize,
    /// Events about the clinic's hours, one a weekday.
    pub hours_events: usize,
    /// Events about the rollout.
    pub routing_events: usize,
}

impl Commands {
    /// Sets up a new clinic: the six services with their limits, the clinic's hours, and the rollout's salt.
    ///
    /// Each is set up once and for all, also by processes that start at the same time; what staff changed since stays.
    pub async fn seed(&self) -> Result<Seeded, CommandError> {
        let (log, streams, origin) = (self.log(), &self.0.streams, &Origin::of(Actor::system()));
        let now = self.0.office.clock.now();
        let salt = Uuid::new_v4().simple().to_string().into();
        let open = RoutingCommand::OpenRollout(RolloutOpened { salt });
        let catalog = streams.catalog.begin(log, first_services(), origin, now).await?;
        let hours = streams.hours.begin(log, first_hours(), origin, now).await?;
        let routing = streams.routing.change(log, vec![open], origin, now).await?;
        Ok(Seeded {
            catalog_events: catalog.events,
            hours_events: hours.events,
            routing_events: routing.events,
        })
    }

    /// Closes a stretch of a day to new bookings.
    pub async fn close_time(
        &self,
        date: NaiveDate,
        wanted: NewClosure,
        origin: Origin,
    ) -> Result<(ClosureId, Position), CommandError> {
        let closure = match &wanted.key {
            Some(key) => named_closure(key, date),
            None => closure_from(Uuid::now_v7()),
        };
        let NewClosure { span, service, reason, .. } = wanted;
        let close = ScheduleCommand::CloseTime(CloseTime { closure: closure.clone(), span, service, reason });
        let position = self.record(date, close, origin).await?.position;
        Ok((closure, position))
    }

    /// Lifts a closure.
    pub async fn reopen_time(
        &self,
        date: NaiveDate,
        closure: ClosureId,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        Ok(self.record(date, ScheduleCommand::ReopenTime(closure), origin).await?.position)
    }

    /// Changes the catalog. The position is that of the catalog's last event where there was nothing to do.
    pub async fn change_catalog(
        &self,
        wanted: CatalogCommand,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        let now = self.0.office.clock.now();
        Ok(self.0.streams.catalog.change(self.log(), vec![wanted], &origin, now).await?.position)
    }

    /// Sets the hours of one weekday. The position is that of the last event on hours where there was nothing to do.
    pub async fn set_hours(&self, wanted: ClinicHoursSet, origin: Origin) -> Result<Position, CommandError> {
        let now = self.0.office.clock.now();
        Ok(self.0.streams.hours.change(self.log(), vec![wanted], &origin, now).await?.position)
    }

    /// Changes which read model answers whom. The position is that of the routing's last event where there was nothing
    /// to do.
    pub async fn change_routing(
        &self,
        wanted: RoutingCommand,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        self.change_routing_together(vec![wanted], origin).await
    }

    /// Makes several changes of the routing at once: all of them are recorded, or none.
    pub async fn change_routing_together(
        &self,
        wanted: Vec<RoutingCommand>,
        origin: Origin,
    ) -> Result<Position, CommandError> {
        let now = self.0.office.clock.now();
        Ok(self.0.streams.routing.change(self.log(), wanted, &origin, now).await?.position)
    }

    /// Decides one command of a day's schedule and appends its events.
    pub async fn record(
        &self,
        date: NaiveDate,
        command: ScheduleCommand,
        origin: Origin,
    ) -> Result<Recorded, CommandError> {
        let unit = CommandBatch { commands: vec![command], new_key: None, about: None, origin };
        let outcome = self.pages().settle(date, unit).await?;
        Ok(Recorded { position: outcome.position, is_repeated: outcome.nothing_new })
    }
}
