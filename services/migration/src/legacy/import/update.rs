//! Rows that do not say what they said when they were last taken over: compared one by one with how the reservation stands
//! here, and taken over again at exactly the version that they were compared with.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use daybook_domain::ReservationId;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{Rejection, ScheduleCommand, SlotAssignment};
use daybook_vault::Encryptor;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::ImportError;
use super::compare::{Verdict, compare};
use super::imported_state::{self, ImportedState};
use super::recorder::{MAX_ROWS_UNDER_WAY, Recorder};
use super::report::{Conflict, Reason};
use super::row_contents::RowContents;
use super::run::{Outcome, PreparedRow, Run, Target};
use daybook_commands::CommandError;

/// Times that a row is compared because somebody changed the reservation meanwhile.
const MAX_COMPARISONS: u32 = 8;

/// Pages that are read at the same time.
const MAX_PAGES_UNDER_WAY: usize = 8;

/// A row that is to be taken over again.
struct Reimport<'e> {
    entry: &'e PreparedRow,
    here: ImportedState,
    placement: SlotAssignment,
}

impl Run<'_> {
    /// Takes rows over again, where that is to be done.
    pub(super) async fn update(&mut self, entries: Vec<PreparedRow>) -> Result<(), ImportError> {
        let mut left: Vec<&PreparedRow> = entries.iter().collect();
        for _ in 0..MAX_COMPARISONS {
            if left.is_empty() {
                return Ok(());
            }
            let mut standings = self.standings(&left).await?;
            let mut again = Vec::new();
            for entry in left {
                let Some(here) = standings.remove(&entry.row.id) else {
                    // It was in the log when the run began, and the log forgets nothing.
                    return Err(Rejection::ReservationNotFound(entry.row.id.clone()).into());
                };
                again.extend(self.judge(entry, here));
            }
            left = self.take_over_again(again).await?;
        }
        if left.is_empty() { Ok(()) } else { Err(CommandError::Contended.into()) }
    }

    /// Without a clinic nothing stands here.
    async fn standings(
        &self,
        entries: &[&PreparedRow],
    ) -> Result<HashMap<ReservationId, ImportedState>, ImportError> {
        let Some(commands) = self.target.commands() else { return Ok(HashMap::new()) };
        let mut pages: BTreeMap<NaiveDate, HashSet<ReservationId>> = BTreeMap::new();
        for PreparedRow { row, .. } in entries {
            pages.entry(row.preferred_date).or_default().insert(row.id.clone());
        }
        let read = |(page, ids)| async move { imported_state::read(commands, page, &ids).await };
        let pages = stream::iter(pages).map(read).buffer_unordered(MAX_PAGES_UNDER_WAY);
        pages.try_concat().await
    }

    /// What is to be taken over again. All else is counted.
    fn judge<'e>(&mut self, entry: &'e PreparedRow, here: ImportedState) -> Option<Reimport<'e>> {
        let row = RowContents::by_source(&entry.row);
        let outcome = match compare(&row, entry.placement, &here, self.options.old_wins) {
            Verdict::Changed(placement) => return Some(Reimport { entry, here, placement }),
            Verdict::Same => Outcome::AlreadyThere,
            Verdict::Agrees => Outcome::Agreeing,
            Verdict::Older => Outcome::Rejected(entry.row.rejected("updatedAt", Reason::OlderThanTaken)),
            Verdict::Conflict(fields) => Outcome::Conflict(Conflict {
                reservation: entry.row.id.clone(),
                date: entry.row.preferred_date,
                fields,
            }),
        };
        self.count(entry.kind_placed(here.placement), outcome);
        None
    }

    /// Gives those that have to be compared once more.
    async fn take_over_again<'e>(
        &mut self,
        again: Vec<Reimport<'e>>,
    ) -> Result<Vec<&'e PreparedRow>, ImportError> {
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.append_again(&again).await?,
            Target::Nowhere(_) => again.iter().map(|_| Some(Outcome::Updated(None))).collect(),
        };
        let mut left = Vec::new();
        for (Reimport { entry, placement, .. }, outcome) in again.into_iter().zip(outcomes) {
            match outcome {
                Some(outcome) => self.count(entry.kind_placed(placement), outcome),
                None => left.push(entry),
            }
        }
        Ok(left)
    }
}

impl Recorder<'_> {
    async fn append_again(&mut self, again: &[Reimport<'_>]) -> Result<Vec<Option<Outcome>>, ImportError> {
        let named = again.iter().filter(|again| again.here.said.person.is_some()).map(|again| again.entry);
        let sealer = self.sealer(named).await?;
        let under_way = again.iter().map(|again| self.append_one_again(again, &sealer));
        stream::iter(under_way).buffered(MAX_ROWS_UNDER_WAY).try_collect().await
    }

    /// What came of a row; none where the reservation was changed since it was compared.
    async fn append_one_again(
        &self,
        again: &Reimport<'_>,
        sealer: &Encryptor,
    ) -> Result<Option<Outcome>, ImportError> {
        let row = self.seal_again(again, sealer)?;
        let date = row.date;
        let command = ScheduleCommand::Reimport { row, expected_version: again.here.version };
        match self.commands.execute_one(date, command, self.origin.clone()).await {
            Ok(recorded) => Ok(Some(Outcome::Updated(Some(recorded.position)))),
            Err(CommandError::Rejected(Rejection::VersionMismatch { .. })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn seal_again(
        &self,
        again: &Reimport<'_>,
        sealer: &Encryptor,
    ) -> Result<ReservationImported, ImportError> {
        let Reimport { entry, here, placement } = again;
        let before = &here.event;
        let erased = here.said.person.is_none().then(|| (before.subject, before.details.clone()));
        let is_erased = erased.is_some();
        let row = self.seal(entry, sealer, erased)?;
        // The wish of a patient who was forgotten stays what was left of it.
        let wish = if is_erased { before.wish.clone() } else { row.wish.clone() };
        let wish_stands =
            !RowContents::by_source(&entry.row).differing(&here.said).contains(&"preferredTime");
        let is_placed_here = Some(here.is_placed_here && wish_stands);
        Ok(ReservationImported { placement: *placement, is_placed_here, wish, ..row })
    }
}
