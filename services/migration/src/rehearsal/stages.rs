//! The stages, one after the other, and the way back to legacy from each.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::gates::Measured;
use daybook_domain::routing::{Gate, Stage};

use super::contents::{of_both, of_one};
use super::environment::RehearsalEnvironment;
use super::report::{StageReport, WayBack};
use super::traffic::{Traffic, send};
use super::{Load, OnProgress, RehearsalError, RehearsalProgress};

/// Goes through the stages.
pub(super) struct Stages<'a> {
    environment: &'a RehearsalEnvironment,
    load: Load,
    progress: OnProgress<'a>,
    turns: AtomicU64,
    /// The gates before each stage, as they were measured the first time.
    measured: BTreeMap<Stage, Measured>,
    reports: Vec<StageReport>,
}

impl<'a> Stages<'a> {
    pub(super) fn new(environment: &'a RehearsalEnvironment, load: Load, progress: OnProgress<'a>) -> Self {
        let turns = AtomicU64::new(0);
        Self { environment, load, progress, turns, measured: BTreeMap::new(), reports: vec![] }
    }

    /// What became of the stages that were gone through.
    pub(super) fn into_reports(self) -> Vec<StageReport> {
        self.reports
    }

    /// All of them. Every stage is entered from the first one, through those before it.
    ///
    /// # Errors
    /// What stood in the way; the stages before it are reported.
    pub(super) async fn run(&mut self) -> Result<(), RehearsalError> {
        for stage in Stage::ALL {
            self.climb(stage).await?;
            let mut report = self.enter(stage).await?;
            report.traffic = self.send(stage).await;
            let held = if stage == Stage::Retired {
                of_one(self.environment).await
            } else {
                of_both(self.environment).await
            };
            report.held = Some(held?);
            self.reports.push(report);
            if stage != Stage::Legacy {
                let back = self.go_back(stage).await?;
                self.reports
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|report| report.back = Some(back.clone()));
            }
        }
        Ok(())
    }

    /// Enters the stages before one again, as they were entered before.
    async fn climb(&self, to: Stage) -> Result<(), RehearsalError> {
        for (stage, measured) in self.measured.range(..to) {
            self.environment.advance(*stage, measured.clone()).await?;
        }
        Ok(())
    }

    async fn enter(&mut self, stage: Stage) -> Result<StageReport, RehearsalError> {
        if stage == Stage::Legacy {
            return Ok(StageReport::of(stage, vec![], Duration::ZERO));
        }
        let measured = self.environment.measure(stage).await?;
        let shut = Gate::unmet(stage, &measured.gates).collect();
        self.measured.insert(stage, measured.clone());
        let took = self.environment.advance(stage, measured).await?;
        Ok(StageReport::of(stage, shut, took))
    }

    /// Rolls back to legacy while clients go on; after cleanup the legacy view is built again first.
    async fn go_back(&self, stage: Stage) -> Result<WayBack, RehearsalError> {
        let restored = match stage == Stage::Retired {
            true => Some(self.environment.restore_legacy().await?),
            false => None,
        };
        let (in_force, traffic) = tokio::join!(self.environment.roll_back(), self.send(stage));
        Ok(WayBack::of(restored, in_force?, traffic, of_both(self.environment).await?))
    }

    async fn send(&self, stage: Stage) -> Traffic {
        // Each stage, and each way back.
        let of = self.load.reads * (2 * Stage::ALL.len() as u64 - 1);
        let report = |reads| (self.progress)(RehearsalProgress { stage, reads, of });
        send(self.environment, self.load, &self.turns, &report).await
    }
}
