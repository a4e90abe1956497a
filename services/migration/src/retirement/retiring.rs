//! Retiring: the view examined, what it was recorded, an end to its serving, its tables dropped.

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

/// What was found of a view that is fit to be retired.
#[derive(Debug, Clone, Serialize)]
pub struct Examined {
    /// The generation that serves.
    pub generation: Generation,
    /// Where it was compared with the other view.
    pub position: Position,
    /// Its reservations.
    pub reservations: u64,
    /// Digest of its facts.
    pub digest: Digest,
    /// Version of the rules by which rows were reduced to facts.
    pub rules_version: u32,
    /// What both views cannot say alike, counted by kind.
    pub declared: std::collections::BTreeMap<&'static str, u64>,
}

impl Examined {
    /// What is to be recorded, if the view is retired.
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
    /// Makes sure that a view is fit to be retired: both views serve, nothing is parked, and a full comparison at one
    /// position finds no difference. Somebody has to keep the views up meanwhile. Changes nothing.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it.
    pub async fn examine(&self, model: ReadModel) -> Result<Examined, MigrationError> {
        self.check_parked().await?;
        let verdict = verify(&*self.of.log, &self.of.vault, &self.of.pool).await?;
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
        let client = self.of.client().await?;
        for standing in generation::live(&client).await? {
            let GenerationStatus { generation, parked: events, .. } = standing;
            if events > 0 {
                return Err(MigrationError::Parked { generation, events });
            }
        }
        Ok(())
    }

    /// Writes down what the view was that the log says is retired; once.
    ///
    /// # Errors
    /// [`MigrationError::NotRetired`] where the log says so of none.
    pub async fn note_retired(&self) -> Result<RetirementRecord, MigrationError> {
        let client = self.of.client().await?;
        let (history, _) = read_history(&*self.of.log).await?;
        let (retired, recording) = history.retirement.ok_or(MigrationError::NotRetired)?;
        let generation = Generation { model: retired.model, number: retired.generation };
        let only_here = if tables::exist(&client, generation).await? {
            record::only_in(&client, generation).await?
        } else {
            vec![]
        };
        Ok(record::insert(&client, &retired, &recording, &only_here).await?)
    }

    /// Lets the retired view serve no more; it is kept up no more either. The rest of what [`GenerationState::Kept`] means holds.
    pub async fn stop_serving(&self, model: ReadModel) -> Result<(), ViewError> {
        let mut client = self.of.client().await?;
        let transaction = client.transaction().await?;
        // Whoever is moving it on comes to the end of the batch first.
        generation::hold_live(&transaction).await?;
        generation::keep_live(&transaction, model).await?;
        commit_and_announce(transaction).await
    }

    /// Waits until nobody reads the view any more: requests that were on their way when it stopped serving.
    pub async fn wait_for_last_readers(&self, model: ReadModel) -> Result<(), ViewError> {
        let all = generation::list(&self.of.client().await?).await?;
        let own = all.iter().filter(|standing| standing.generation.model == model);
        if let Some(stopped) = own.filter_map(|standing| standing.replaced_at).max() {
            let since = (Utc::now() - stopped).to_std().unwrap_or(Duration::ZERO);
            tokio::time::sleep(self.of.patience.last_readers.saturating_sub(since)).await;
        }
        Ok(())
    }

    /// Drops the tables of all generations of the retired view, and what people see of it. What was built of the past since
    /// the tables were dropped stays.
    ///
    /// # Errors
    /// [`ViewError::TimedOut`] where somebody reads them for long.
    pub async fn drop_tables(&self, record: &RetirementRecord) -> Result<Vec<Generation>, ViewError> {
        published_schemas::remove(&self.of.pool, record.model).await?;
        let client = self.of.client().await?;
        let mut dropped = Vec::new();
        for standing in generation::list(&client).await? {
            let is_own = standing.generation.model == record.model;
            if is_own && (record.dropped_at.is_none() || standing.state != GenerationState::Past) {
                published_schemas::drop_schema(&self.of.pool, &standing.generation.schema()).await?;
                tables::drop_generation(&client, standing.generation).await?;
                dropped.push(standing.generation);
            }
        }
        record::note_dropped(&client, record.model).await?;
        Ok(dropped)
    }

    /// Gives the view that goes on serving the indexes and the statistics of the runbook's cleanup.
    ///
    /// # Errors
    /// Where somebody writes for so long that an index cannot be made beside them.
    pub async fn tidy_up(&self) -> Result<(), ViewError> {
        let client = self.of.client().await?;
        let generation = generation::serving(&client, ReadModel::Dynamic).await?;
        match tables::index_after_cleanup(client, generation).await {
            Err(error) if error.is_lock_timeout() => {
                let what = "somebody to end writing, to make an index; `daybook projection retire legacy` goes on from here";
                Err(ViewError::TimedOut { what, seconds: tables::INDEX_PATIENCE_SECONDS })
            }
            outcome => outcome,
        }
    }

    /// All that is left to do once the log says that a view is retired, with the waits between the steps. `report` hears
    /// what is being done.
    ///
    /// # Errors
    /// As the steps; the next `retire` goes on from there.
    pub async fn finish(&self, report: impl Fn(&'static str)) -> Result<RetirementRecord, MigrationError> {
        let record = self.note_retired().await?;
        let model = record.model;
        let live = generation::live(&self.of.client().await?).await?;
        if live.iter().any(|standing| standing.generation.model == model) {
            report("waiting until every process knows");
            tokio::time::sleep(self.of.patience.in_force).await;
            self.stop_serving(model).await?;
        }
        report("waiting for the last readers");
        self.wait_for_last_readers(model).await?;
        report("dropping the tables");
        self.drop_tables(&record).await?;
        report("making the index of the cleanup");
        self.tidy_up().await?;
        self.note_retired().await
    }
}
