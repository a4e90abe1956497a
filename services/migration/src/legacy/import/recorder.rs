//! The writing side of a run: seals rows with their patients' keys and appends them.

use std::collections::HashSet;

use daybook_commands::{CommandError, Commands, Origin};
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{Rejection, ScheduleCommand};
use daybook_domain::{Actor, Sealed, SubjectId};
use daybook_vault::{Encryptor, sealing_context};
use futures_util::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::ImportError;
use super::forgotten::Forgotten;
use super::prepared_row::{Outcome, PreparedRow, RowSummary};
use super::reject::Reason;
use super::row::LegacyRow;

/// Rows that are appended concurrently.
pub(super) const MAX_CONCURRENT_ROWS: usize = 512;

/// Seals and appends rows.
pub(super) struct Recorder<'a> {
    pub(super) commands: &'a Commands,
    pub(super) origin: Origin,
    forgotten: Forgotten,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(commands: &'a Commands) -> Self {
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(Actor::import()) };
        Self { commands, origin, forgotten: Forgotten::new() }
    }

    /// Appends new rows.
    pub(super) async fn append(
        &mut self,
        rows: Vec<PreparedRow>,
    ) -> Result<Vec<(RowSummary, Outcome)>, ImportError> {
        let encryptor = self.encryptor(rows.iter()).await?;
        let appends = rows.iter().map(|row| self.append_one(row, &encryptor));
        stream::iter(appends).buffer_unordered(MAX_CONCURRENT_ROWS).try_collect().await
    }

    /// Creates the keys of rows in one batch, without those of forgotten patients. The second read of the log finds patients
    /// who were forgotten meanwhile, before anything is sealed for them.
    pub(super) async fn encryptor<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r PreparedRow>,
    ) -> Result<Encryptor, ImportError> {
        self.forgotten.catch_up(self.commands).await?;
        let subjects: HashSet<SubjectId> = rows
            .filter(|prepared| self.erased(&prepared.row).is_none())
            .map(|prepared| self.commands.subject(&prepared.row.phone))
            .collect();
        let subjects: Vec<SubjectId> = subjects.into_iter().collect();
        let encryptor = self.commands.vault().keys_for(&subjects).await?;
        self.forgotten.catch_up(self.commands).await?;
        Ok(encryptor)
    }

    /// Erased details for a row of a patient who was forgotten, under this spelling of the number or a former one.
    fn erased(&self, row: &LegacyRow) -> Option<Sealed> {
        if self.forgotten.is_empty() {
            return None;
        }
        let subjects = self.commands.subjects(&row.phone);
        subjects.into_iter().find_map(|subject| self.forgotten.erased(subject, row.created_at))
    }

    async fn append_one(
        &self,
        prepared: &PreparedRow,
        encryptor: &Encryptor,
    ) -> Result<(RowSummary, Outcome), ImportError> {
        let row = &prepared.row;
        let command = ScheduleCommand::Import(self.seal(prepared, encryptor, None)?);
        let outcome = match self.commands.execute_one(row.preferred_date, command, self.origin.clone()).await
        {
            Ok(recorded) if recorded.is_repeated => Outcome::AlreadyThere,
            Ok(recorded) => Outcome::Imported(Some(recorded.position)),
            Err(CommandError::Rejected(Rejection::ScheduleFull)) => {
                Outcome::Rejected(row.rejected("preferredDate", Reason::DayFull))
            }
            // One row that the domain refuses must not stop the others.
            Err(CommandError::Rejected(_)) => Outcome::Rejected(row.rejected_whole(Reason::NotRecordable)),
            Err(error) => return Err(error.into()),
        };
        Ok((prepared.summary(prepared.slot), outcome))
    }

    /// Turns a row into an event. Details that are `erased` already stay erased.
    pub(super) fn seal(
        &self,
        prepared: &PreparedRow,
        encryptor: &Encryptor,
        erased: Option<(SubjectId, Sealed)>,
    ) -> Result<ReservationImported, ImportError> {
        let PreparedRow { row, service, slot, time, .. } = prepared;
        let subject =
            erased.as_ref().map_or_else(|| self.commands.subject(&row.phone), |(subject, _)| *subject);
        let erased = erased.map(|(_, details)| details).or_else(|| self.erased(row));
        let (details, patient) = match erased {
            Some(erased) => (erased, None),
            None => {
                let details = row.details(time.sealed_text.as_deref());
                let sealed = encryptor.seal(subject, sealing_context(&row.id), &details.to_text())?;
                (sealed, Some(self.commands.patient(subject, row.birth_date)))
            }
        };
        Ok(ReservationImported {
            reservation: row.id.clone(),
            subject,
            details,
            service: service.clone(),
            date: row.preferred_date,
            wish: time.plain_text.clone(),
            placement: *slot,
            is_placed_here: None,
            status: row.status,
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.as_deref().map(Into::into),
            patient,
        })
    }
}
