//! The migration's checklist as the log has it: what was done, when, by whom, and what shows it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::Event;
use daybook_domain::routing::{ChecklistItem, RolloutPercentage, Routing, RoutingEvent};
use daybook_event_log::{EventLog, Position, RecordedEvent, Revision, StreamName, codec};
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::ViewError;

/// What was done of the checklist.
#[derive(Debug, Clone, Default)]
pub struct Checklist {
    /// Each item as it was done last.
    pub done: BTreeMap<ChecklistItem, ItemDone>,
    /// The last backup that was made since the dynamic view answers everybody: the one to go back to after the cleanup. None
    /// while it does not.
    pub final_backup: Option<ItemDone>,
    routing: Routing,
}

/// An item that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemDone {
    /// What shows it.
    pub evidence: Box<str>,
    /// When it was recorded, by the recording process's clock.
    pub recorded_at: DateTime<Utc>,
    /// Who recorded it.
    pub actor: String,
    /// Position of the event that tells of it.
    pub position: Position,
}

/// Reads the checklist from the log.
///
/// # Errors
/// When the log cannot be read, or holds what this release does not know.
pub async fn checklist(log: &dyn EventLog) -> Result<Checklist, ViewError> {
    let mut checklist = Checklist::default();
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(recorded) = events.try_next().await? {
        checklist.take(&recorded)?;
    }
    Ok(checklist)
}

impl Checklist {
    fn take(&mut self, recorded: &RecordedEvent) -> Result<(), ViewError> {
        let decoded = codec::decode(recorded).map_err(|fault| ViewError::from_event(recorded, fault))?;
        let (Event::Routing(event), metadata) = decoded else { return Ok(()) };
        self.routing.evolve(&event);
        let is_for_all = self.routing.share == RolloutPercentage::ALL && !self.routing.rolled_back;
        if !is_for_all {
            self.final_backup = None;
        }
        if let RoutingEvent::ChecklistItemDone(done) = event {
            let entry = ItemDone {
                evidence: done.evidence,
                recorded_at: metadata.recorded_at,
                actor: metadata.actor.as_str().to_owned(),
                position: recorded.position,
            };
            if done.item == ChecklistItem::BackupMade && is_for_all {
                self.final_backup = Some(entry.clone());
            }
            self.done.insert(done.item, entry);
        }
        Ok(())
    }
}
