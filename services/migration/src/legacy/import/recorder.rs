//! The side of a run that writes: rows are sealed, each with its patient's key, and appended page by page.

use std::collections::HashSet;

use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{Rejection, ScheduleCommand};
use daybook_domain::{Actor, Sealed, SubjectId};
use daybook_vault::{Encryptor, sealing_context};
use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::ImportError;
use super::forgotten::Forgotten;
use super::report::Reason;
use super::row::LegacyRow;
use super::run::{Outcome, PreparedRow, RowSummary};
use daybook_commands::CommandError;
use daybook_commands::Commands;
use daybook_commands::Origin;

/// Rows that are on their way to the log at the same time.
pub(super) const MAX_ROWS_UNDER_WAY: usize = 512;

/// Seals rows and appends them.
pub(super) struct Recorder<'a> {
    pub(super) commands: &'a Commands,
    pub(super) origin: Origin,
    forgotten: Forgotten,
}

impl<'a> Recorder<'a> {
    /// One for a run.
    pub(super) fn new(commands: &'a Commands) -> Self {
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(Actor::import()) };
        Self { commands, origin, forgotten: Forgotten::unread() }
    }

    /// Appends new rows.
    pub(super) async fn append(
        &mut self,
        entries: Vec<PreparedRow>,
    ) -> Result<Vec<(RowSummary, Outcome)>, ImportError> {
        let sealer = self.sealer(entries.iter()).await?;
        let under_way = entries.iter().map(|entry| self.append_one(entry, &sealer));
        stream::iter(under_way).buffer_unordered(MAX_ROWS_UNDER_WAY).try_collect().await
    }

    /// The keys of rows, made beforehand and all at once. Who was forgotten gets none; and who was forgotten while keys were
    /// made is known to be before anything is sealed with them.
    pub(super) async fn sealer<'e>(
        &mut self,
        entries: impl Iterator<Item = &'e PreparedRow>,
    ) -> Result<Encryptor, ImportError> {
        self.forgotten.catch_up(self.commands.log()).await?;
        let subjects = self.subjects(entries);
        let sealer = self.commands.vault().keys_for(&subjects).await?;
        self.forgotten.catch_up(self.commands.log()).await?;
        Ok(sealer)
    }

    /// The subjects of rows, each once, but for those who were forgotten.
    fn subjects<'e>(&self, entries: impl Iterator<Item = &'e PreparedRow>) -> Vec<SubjectId> {
        let named = entries.filter_map(|entry| {
            let subject = self.commands.subject(&entry.row.phone);
            self.forgotten.erased(subject, entry.row.created_at).is_none().then_some(subject)
        });
        let subjects: HashSet<SubjectId> = named.collect();
        subjects.into_iter().collect()
    }

    async fn append_one(
        &self,
        entry: &PreparedRow,
        sealer: &Encryptor,
    ) -> Result<(RowSummary, Outcome), ImportError> {
        let command = ScheduleCommand::Import(self.seal(entry, sealer, None)?);
        let outcome =
            match self.commands.execute_one(entry.row.preferred_date, command, self.origin.clone()).await {
                Ok(recorded) if recorded.is_repeated => Outcome::AlreadyThere,
                Ok(recorded) => Outcome::Imported(Some(recorded.position)),
                Err(CommandError::Rejected(Rejection::ScheduleFull)) => {
                    Outcome::Rejected(entry.row.rejected("preferredDate", Reason::DayFull))
                }
                Err(error) => return Err(error.into()),
            };
        Ok((entry.kind_placed(entry.placement), outcome))
    }

    /// The row as the log keeps it. What is `erased` already stays so.
    pub(super) fn seal(
        &self,
        entry: &PreparedRow,
        sealer: &Encryptor,
        erased: Option<(SubjectId, Sealed)>,
    ) -> Result<ReservationImported, ImportError> {
        let PreparedRow { row, service, placement, wish, unread_wish } = entry;
        let (subject, details) = match erased {
            Some(erased) => erased,
            None => {
                let subject = self.commands.subject(&row.phone);
                (subject, self.seal_details(subject, row, unread_wish.clone(), sealer)?)
            }
        };
        Ok(ReservationImported {
            reservation: row.id.clone(),
            subject,
            details,
            service: service.clone(),
            date: row.preferred_date,
            wish: wish.clone(),
            placement: *placement,
            is_placed_here: None,
            status: row.status,
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.as_deref().map(Into::into),
        })
    }

    fn seal_details(
        &self,
        subject: SubjectId,
        row: &LegacyRow,
        unread_wish: Option<String>,
        sealer: &Encryptor,
    ) -> Result<Sealed, ImportError> {
        if let Some(erased) = self.forgotten.erased(subject, row.created_at) {
            return Ok(erased);
        }
        Ok(sealer.seal(subject, sealing_context(&row.id), &row.details(unread_wish).to_text())?)
    }
}
