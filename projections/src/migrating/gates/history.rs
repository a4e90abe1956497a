//! The migration as the log tells it: which stages were entered when and by whom, what was gone back from, what of the
//! checklist was done.
//!
//! It is read from `routing-main` each time. Nothing here decides whether a stage may be entered.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::routing::{
    ChecklistItem, Direction, Override, Routing, RoutingEvent, Stage, StageEntered,
};
use daybook_domain::{Actor, Event};
use daybook_event_log::codec::{self, Metadata};
use daybook_event_log::{EventLog, Position, Revision, StreamName};
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::ViewError;

/// A stage that was entered, by name or by a share that was set by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageEntry {
    /// Which.
    pub stage: Stage,
    /// The one before it.
    pub from: Stage,
    /// In which direction.
    pub way: Direction,
    /// When that was recorded.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub actor: Actor,
    /// Who went on though gates did not let through.
    pub overridden: Option<Override>,
    /// Why, where somebody said so.
    pub reason: Option<Box<str>>,
}

/// An item of the checklist that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemRecord {
    /// When that was recorded.
    pub at: DateTime<Utc>,
    /// By whom.
    pub actor: Actor,
    /// What shows it.
    pub evidence: Box<str>,
}

/// The migration as its events tell it.
#[derive(Debug, Clone, Default)]
pub struct StageHistory {
    /// The stage.
    pub stage: Stage,
    /// Since when; none where none was ever entered.
    pub since: Option<DateTime<Utc>>,
    /// All that were entered, the first one first.
    pub entries: Vec<StageEntry>,
    /// When an earlier stage was gone back to, reads were rolled back, or a guardrail tripped, the last time.
    pub last_setback: Option<DateTime<Utc>>,
    /// The checklist's items that were done, with the last record of each.
    pub checklist: BTreeMap<ChecklistItem, ItemRecord>,
    /// The routing that the events leave.
    pub routing: Routing,
    /// Position of the last of them.
    pub position: Position,
}

impl StageHistory {
    /// Reads it from the log.
    ///
    /// # Errors
    /// When the log cannot be read, or holds an event of the routing that this release does not understand.
    pub async fn read(log: &dyn EventLog) -> Result<Self, ViewError> {
        let mut history = Self::default();
        let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
        while let Some(recorded) = events.try_next().await? {
            let decoded =
                codec::decode(&recorded).map_err(|fault| ViewError::from_event(&recorded, fault))?;
            if let (Event::Routing(event), metadata) = decoded {
                history.take(&event, &metadata);
            }
            history.position = recorded.position;
        }
        Ok(history)
    }

    /// The entry of the stage that holds.
    pub fn current(&self) -> Option<&StageEntry> {
        self.entries.last()
    }

    /// The entry of the stage before the one that holds.
    pub fn former(&self) -> Option<&StageEntry> {
        self.entries.iter().nth_back(1)
    }

    /// When the first canary was entered since the last time that nobody was led to the dynamic view.
    pub fn switching_since(&self) -> Option<DateTime<Utc>> {
        let is_switching = |entry: &&StageEntry| entry.stage >= Stage::Canary5;
        self.entries.iter().rev().take_while(is_switching).last().map(|entry| entry.at)
    }

    /// How long a stage lasted, or has lasted, the last time that it was entered since the first canary was.
    pub fn last_stay(&self, stage: Stage, now: DateTime<Utc>) -> Option<TimeDelta> {
        let since = self.switching_since()?;
        let at = self.entries.iter().rposition(|entry| entry.stage == stage && entry.at >= since)?;
        let end = self.entries.get(at + 1).map_or(now, |entry| entry.at);
        self.entries.get(at).map(|entry| end - entry.at)
    }

    fn take(&mut self, event: &RoutingEvent, metadata: &Metadata) {
        let from = self.stage;
        self.routing.evolve(event);
        self.stage = self.routing.stage;
        let at = metadata.recorded_at;
        let is_entry = self.stage != from || matches!(event, RoutingEvent::StageEntered(_));
        if is_entry {
            self.enter(from, event, metadata);
        }
        let is_setback =
            matches!(event, RoutingEvent::ReadsRolledBack(_) | RoutingEvent::GuardrailTripped(_));
        if is_setback || (is_entry && self.current().is_some_and(|entry| entry.way == Direction::RolledBack))
        {
            self.last_setback = Some(at);
        }
        if let RoutingEvent::ChecklistItemDone(done) = event {
            let record = ItemRecord { at, actor: metadata.actor.clone(), evidence: done.evidence.clone() };
            self.checklist.insert(done.item, record);
        }
    }

    fn enter(&mut self, from: Stage, event: &RoutingEvent, metadata: &Metadata) {
        let (stage, at, actor) = (self.stage, metadata.recorded_at, metadata.actor.clone());
        let by_name = if let RoutingEvent::StageEntered(entered) = event { Some(entered) } else { None };
        let by_share = if stage > from { Direction::Advanced } else { Direction::RolledBack };
        let way = by_name.map_or(by_share, |entered| entered.way);
        let overridden = by_name.and_then(|entered: &StageEntered| entered.overridden.clone());
        let reason = event.reason().map(Box::from);
        self.since = Some(at);
        self.entries.push(StageEntry { stage, from, way, at, actor, overridden, reason });
    }
}
