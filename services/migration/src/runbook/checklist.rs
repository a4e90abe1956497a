//! The checklist of the migration: completed items with time, actor and evidence.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::routing::{ChecklistItem, ItemRecord};
use daybook_event_log::{EventLog, Position};
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;
use serde::Serialize;

/// The completed items.
#[derive(Debug, Clone, Default)]
pub struct Checklist {
    /// The last record of each item.
    pub done: BTreeMap<ChecklistItem, ItemDone>,
    /// The last backup of the dynamic stage, the one to restore after the cleanup; none before that stage.
    pub final_backup: Option<ItemDone>,
}

/// A completed item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemDone {
    pub evidence: Box<str>,
    /// By the clock of the recording process.
    pub recorded_at: DateTime<Utc>,
    pub actor: String,
    pub position: Position,
}

/// Reads the checklist from the log.
///
/// # Errors
/// The log cannot be read or has an event that this release does not know.
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
        Ok(Self {
            evidence,
            recorded_at: recording.at,
            actor: recording.actor.as_str().to_owned(),
            position: recording.place.try_into().map_err(|_| ViewError::Control { what: "a position" })?,
        })
    }
}
