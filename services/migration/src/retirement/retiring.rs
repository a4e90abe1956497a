//! Retiring: verifies and records a view, stops it serving and drops its tables, in an order that never loses data.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use daybook_domain::ReadModel;
use daybook_domain::routing::{Declared, ViewRetired};
use daybook_event_log::Position;
use serde::Serialize;

use super::RetirementSteps;
use super::record::{self, RetirementRecord};
use crate::MigrationError;
use daybook_projections::ViewError;
use daybook_projections::compare::verify::verify;
use daybook_projections::control::generation::{self, GenerationStatus};
use daybook_projections::control::ids::{Generation, GenerationState};
use daybook_projections::control::notify::commit_and_announce;
use daybook_projections::projection::canonical::Digest;
use daybook_projections::read::routing::read_history;
use daybook_projections::store::published_schemas;
use daybook_projections::store::tables;

/// A verified view that can be retired.
#[derive(Debug, Clone, Serialize)]
pub struct Examined {
    pub generation: Generation,
    /// Position of the comparison with the other view.
    pub position: Position,
    pub reservations: u64,
    pub digest: Digest,
    /// Version of the rules that reduced rows to facts.
    pub rules_version: u32,
    /// Number of declared differences, by kind.
    pub declared: BTreeMap<&'static str, u64>,
}

impl Examined {
    /// The event of the retirement.
    pub fn retired(&self, reason: &str) -> ViewRetired {
        let declared = self.declared.iter();
        ViewRetired {
            model: self.generation.model,
            generation: self.generation.number,
            position: self.position.into(),
            reservations: self.reservations,
            digest: self.digest.to_string().into(),
            rules_version: self.rules_version,
            declared: declared
                .map(|(kind, rows)| Declared { kind: (*kind).into(), reservations: *rows })
                .collect(),
            reason: reason.into(),
        }
    }
}

impl RetirementSteps<'_> {
    /// Checks that a view can be retired: both views serve, no event is parked, and a full comparison at one position finds no
    /// difference. The views must be kept up to date meanwhile. Changes nothing.
    ///
    /// # Errors
    /// The condition that is not met, with the command to run.
    pub async fn examine(&self, model: ReadModel) -> Result<Examined, MigrationError> {
        self.check_parked().await?;
        let verdict = verify(&*self.retirement.log, &self.retirement.vault, &self.retirement.pool).await?;
        if !verdict.agrees() {
            let (position, reservations) = (verdict.position, verdict.differing);
            return Err(MigrationError::ViewsDiffer { position, reservations });
        }
        let compared = verdict.generations.iter().copied().find(|generation| generation.model == model);
        let generation = compared.ok_or(ViewError::NotLive { model })?;
        let name = generation.to_string();
        Ok(Examined {
            generation,
            position: verdict.position,
            reservations: verdict.reservations.get(&name).copied().unwrap_or_default(),
            digest: verdict.digests.get(&name).copied().unwrap_or(Digest::EMPTY),
            rules_version: verdict.rules_version,
            declared: verdict.declared.iter().flat_map(|declared| declared.kinds()).collect(),
        })
    }

    async fn check_parked(&self) -> Result<(), MigrationError> {
        let client = self.retirement.client().await?;
        for status in generation::live(&client).await? {
            let GenerationStatus { generation, parked: events, .. } = status;
            if events > 0 {
                return Err(MigrationError::Parked { generation, events });
            }
        }
        Ok(())
    }

    /// Inserts the record of the retirement in the log, unless it exists.
    ///
    /// # Errors
    /// [`MigrationError::NotRetired`] if the log has no retirement.
    pub async fn note_retired(&self) -> Result<RetirementRecord, MigrationError> {
        let client = self.retirement.client().await?;
        let (history, _) = read_history(&*self.retirement.log).await?;
        let (retired, recording) = history.retirement.ok_or(MigrationError::NotRetired)?;
        let generation = Generation { model: retired.model, number: retired.generation };
        let only_here = if tables::exist(&client, generation).await? {
            record::only_in(&client, generation).await?
        } else {
            vec![]
        };
        Ok(record::insert(&client, &retired, &recording, &only_here).await?)
    }

    /// Stops serving and updating the view. Its generation becomes [`GenerationState::Kept`].
    pub async fn stop_serving(&self, model: ReadModel) -> Result<(), ViewError> {
        let mut client = self.retirement.client().await?;
        let transaction = client.transaction().await?;
        // A process that is updating the view finishes its batch first.
        generation::hold_live(&transaction).await?;
        generation::keep_live(&transaction, model).await?;
        commit_and_announce(transaction).await
    }

    /// Waits for requests that were in flight when the view stopped serving.
    async fn wait_for_last_readers(&self, model: ReadModel) -> Result<(), ViewError> {
        let all = generation::list(&self.retirement.client().await?).await?;
        let own = all.iter().filter(|status| status.generation.model == model);
        if let Some(stopped) = own.filter_map(|status| status.replaced_at).max() {
            let since = (Utc::now() - stopped).to_std().unwrap_or(Duration::ZERO);
            tokio::time::sleep(self.retirement.patience.last_readers.saturating_sub(since)).await;
        }
        Ok(())
    }

    /// Drops the tables and published schemas of all generations of the retired view. Generations of the past that were built
    /// after the first drop stay. Fails with [`ViewError::TimedOut`] if a long query reads the tables.
    async fn drop_tables(&self, record: &RetirementRecord) -> Result<(), ViewError> {
        published_schemas::remove(&self.retirement.pool, record.model).await?;
        let client = self.retirement.client().await?;
        for status in generation::list(&client).await? {
            let is_own = status.generation.model == record.model;
            if is_own && (record.dropped_at.is_none() || status.state != GenerationState::Past) {
                published_schemas::drop_schema(&self.retirement.pool, &status.generation.schema()).await?;
                tables::drop_generation(&client, status.generation).await?;
            }
        }
        record::note_dropped(&client, record.model).await
    }

    /// Creates the indexes and statistics of the runbook's cleanup on the remaining view.
    async fn index_after_cleanup(&self) -> Result<(), ViewError> {
        let client = self.retirement.client().await?;
        let generation = generation::serving(&client, ReadModel::Dynamic).await?;
        match tables::index_after_cleanup(client, generation).await {
            Err(error) if error.is_lock_timeout() => {
                let what = "open writes to end, to create an index; `daybook projection retire legacy` continues from here";
                Err(ViewError::TimedOut { what, seconds: tables::INDEX_PATIENCE_SECONDS })
            }
            outcome => outcome,
        }
    }

    /// Runs the steps that remain after the event of the retirement. `report` receives the name of each phase.
    ///
    /// # Errors
    /// The step that failed; the next `retire` continues from there.
    pub async fn finish(&self, report: impl Fn(&'static str)) -> Result<RetirementRecord, MigrationError> {
        let record = self.note_retired().await?;
        let model = record.model;
        let live = generation::live(&self.retirement.client().await?).await?;
        if live.iter().any(|status| status.generation.model == model) {
            report("waiting until every process follows the retirement");
            tokio::time::sleep(self.retirement.patience.in_force).await;
            self.stop_serving(model).await?;
        }
        report("waiting for the last readers");
        self.wait_for_last_readers(model).await?;
        report("dropping the tables");
        self.drop_tables(&record).await?;
        report("creating the cleanup indexes");
        self.index_after_cleanup().await?;
        self.note_retired().await
    }
}
