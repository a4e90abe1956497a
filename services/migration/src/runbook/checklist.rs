//! The checklist of the migration: what was done, when, by whom, and what shows it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::routing::{ChecklistItem, ItemRecord};
use daybook_event_log::{EventLog, Position};
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;
use serde::Serialize;

/// The items that were done.
#[derive(Debug, Clone, Default)]
pub struct Checklist {
    /// The last record of each item.
    pub done: BTreeMap<ChecklistItem, ItemDone>,
    /// The last backup since the dynamic view answers everybody, which is the one to go back to after the cleanup; none
    /// while it does not answer everybody.
    pub final_backup: Option<ItemDone>,
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
    /// Position of its event.
    pub position: Position,
}

/// Reads the checklist from the log.
///
/// # Errors
/// The log cannot be read, or has an event that this release does not know.
pub async fn checklist(log: &dyn EventLog) -> Result<Checklist, ViewError> {
    let (history, _) = read_history(log).await?;
    let done = |(item, record)| Ok((item, ItemDone::from_record(record)?));
    Ok(Checklist {
        done: history.checklist.into_iter().map(done).collect::<Result<_, ViewError>>()?,
        final_backup: history.final_backup.map(ItemDone::from_record).transpose()?,
    })
}

impl ItemDone {
    fn from_record(record: ItemRecord) -> Result<Self, ViewError> {
        let ItemRecord { evidence, recording } = record;
        let position = recording.place.try_into();
        Ok(Self {
            evidence,
            recorded_at: recording.at,
            actor: recording.actor.as_str().to_owned(),
            position: position.map_err(|_| ViewError::Control { what: "a position" })?,
        })
    }
}
