//! Erases forgotten patients from generations that do not advance: kept ones and past ones. A live generation applies
//! the forgetting itself.
//!
//! Everything is derived from the log and from each generation's position, so an interrupted erasure is completed by
//! the next one, and a repeated one changes nothing. What was booked after a forgetting stays.

mod completion;

use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::{Event, ReadModel, SubjectId};
use daybook_event_log::{Category, Filter, Position, codec};
use futures_util::TryStreamExt;
use serde::Serialize;

use super::Rebuild;
use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::{Generation, GenerationState, SkippedPositions};
use crate::live::parked;
use crate::projection::change::ViewChange;
use crate::projection::interpret::resume;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::{rows, space, tables};

pub use completion::FORGET_GRACE;

/// How often an erasure is attempted beside a promotion that writes the same rows.
const TRIES: u32 = 10;

/// What was erased.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ErasureReport {
    /// Generations in which reservations were erased.
    pub generations: Vec<Generation>,
    /// Reservations that were erased, in all of them.
    pub reservations: u64,
}

/// What happened to the files in which PostgreSQL keeps former versions of rows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RewriteReport {
    /// Generations whose rows are in new files.
    pub rewritten: Vec<Generation>,
    /// Generations that somebody was reading all the time.
    pub in_use: Vec<Generation>,
}

impl Rebuild {
    /// Erases patients from kept and past generations that were forgotten after these generations' positions. Drops what
    /// an interrupted rebuild left. A rebuild that is running erases by itself.
    pub async fn erase_forgotten(&self) -> Result<ErasureReport, ViewError> {
        self.drop_remains().await?;
        let mut report = ErasureReport::default();
        for status in generation::list(&self.client().await?).await? {
            let reservations = self.erase_in(status.generation).await?;
            if reservations > 0 {
                report.generations.push(status.generation);
                report.reservations += reservations;
            }
        }
        Ok(report)
    }

    /// Drops the tables of rebuilds that ended without a result, unless a rebuild is running.
    async fn drop_remains(&self) -> Result<(), ViewError> {
        let client = self.client().await?;
        let is_remains = |state| matches!(state, GenerationState::Building | GenerationState::Failed);
        if !generation::list(&client).await?.iter().any(|status| is_remains(status.state)) {
            return Ok(());
        }
        let dropped = self.alone(async {
            for status in generation::list(&client).await?.iter().filter(|status| is_remains(status.state)) {
                tables::drop(&client, status.generation).await?;
            }
            Ok(())
        });
        match dropped.await {
            Err(ViewError::RebuildUnderWay) => Ok(()),
            outcome => outcome,
        }
    }

    /// Erases in one generation. Returns the number of reservations.
    pub(super) async fn erase_in(&self, generation: Generation) -> Result<u64, ViewError> {
        let mut tries_left = TRIES;
        loop {
            tries_left -= 1;
            match self.try_to_erase_in(generation).await {
                // A rebuild may also drop a former generation at that moment. The next attempt finds that it is gone.
                Err(error) if tries_left > 0 && (error.is_conflict() || error.is_missing_table()) => {}
                outcome => return outcome,
            }
        }
    }

    /// The snapshot shows position and rows of one moment. If a promotion moves them meanwhile, this fails with a conflict.
    async fn try_to_erase_in(&self, generation: Generation) -> Result<u64, ViewError> {
        let mut client = self.client().await?;
        let transaction = rows::writing_snapshot(&mut client).await?;
        let all = generation::list(&transaction).await?;
        let is_still = |state| matches!(state, GenerationState::Kept | GenerationState::Past);
        let status = all.into_iter().find(|one| one.generation == generation && is_still(one.state));
        let Some(status) = status else { return Ok(0) };
        if !tables::exist(&transaction, generation).await? {
            return Ok(0);
        }
        let subjects = self.forgotten_after(status.position, &parked::discarded(&transaction).await?).await?;
        let reservations = rows::count_named(&transaction, generation, &subjects).await?;
        if reservations == 0 {
            return Ok(0);
        }
        let skipped = parked::skipped(&transaction, generation).await?;
        let (_, reference) = resume(&*self.log, &self.vault, status.position, &skipped).await?;
        let forgettings: Vec<ViewChange> =
            subjects.into_iter().map(|subject| ViewChange::Forget { subject }).collect();
        let changes: Vec<&ViewChange> = forgettings.iter().collect();
        match generation.model {
            ReadModel::Legacy => {
                rows::apply::<LegacyRow>(&transaction, generation, &changes, reference).await?
            }
            ReadModel::Dynamic => {
                rows::apply::<DynamicRow>(&transaction, generation, &changes, reference).await?
            }
        };
        transaction.commit().await?;
        Ok(reservations)
    }

    /// The patients who were forgotten after a position.
    async fn forgotten_after(
        &self,
        position: Position,
        discarded: &SkippedPositions,
    ) -> Result<Vec<SubjectId>, ViewError> {
        let mut events = self.log.read_all(position, &Filter::categories([Category::Privacy])).await?;
        let mut subjects = Vec::new();
        while let Some(event) = events.try_next().await? {
            if discarded.contains(&event.position) {
                continue;
            }
            // One that cannot be decoded is parked itself.
            if let Ok((Event::Privacy(PrivacyEvent::SubjectForgotten(said)), _)) = codec::decode(&event) {
                subjects.push(said.subject);
            }
        }
        Ok(subjects)
    }

    /// Writes the rows of every generation into new files, so that no file has former versions of them, and collects the
    /// statistics of their columns again. Readers of a generation wait meanwhile.
    ///
    /// `is_own_server` says that the server belongs to this installation alone. Its write-ahead log is then replaced too.
    pub async fn rewrite_files(&self, is_own_server: bool) -> Result<RewriteReport, ViewError> {
        let mut report = RewriteReport::default();
        for status in generation::list(&self.client().await?).await? {
            let generation = status.generation;
            let is_built = status.state != GenerationState::Building;
            if !is_built || !tables::exist(&self.client().await?, generation).await? {
                continue;
            }
            match space::rewrite_reservations(self.client().await?, generation).await? {
                true => report.rewritten.push(generation),
                false => report.in_use.push(generation),
            }
        }
        space::vacuum_keys(&self.client().await?).await?;
        if is_own_server {
            space::rewrite_statistics(&self.client().await?).await?;
            space::replace_wal(&self.client().await?).await?;
        }
        Ok(report)
    }
}
