//! The stages one after the other, each with traffic and a rollback to the first one. It must never skip a stage.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::gates::Measured;
use daybook_domain::routing::{Gate, Stage};

use super::contents::{compare_views, count_rows};
use super::environment::RehearsalEnvironment;
use super::report::{StageReport, WayBack};
use super::traffic::{Traffic, send};
use super::{Load, OnProgress, RehearsalError, RehearsalProgress};

pub(super) struct Stages<'a> {
    environment: &'a RehearsalEnvironment,
    load: Load,
    progress: OnProgress<'a>,
    /// Number of reads so far, over all stages.
    reads: AtomicU64,
    /// The gates before each stage at its first entry.
    measured: BTreeMap<Stage, Measured>,
    reports: Vec<StageReport>,
}

impl<'a> Stages<'a> {
    pub(super) fn new(environment: &'a RehearsalEnvironment, load: Load, progress: OnProgress<'a>) -> Self {
        let reads = AtomicU64::new(0);
        Self { environment, load, progress, reads, measured: BTreeMap::new(), reports: vec![] }
    }

    pub(super) fn into_reports(self) -> Vec<StageReport> {
        self.reports
    }

    /// Runs all stages. After each rollback, the earlier stages are entered again on the way to the next one.
    ///
    /// # Errors
    /// The step that failed; the stages before it are reported.
    pub(super) async fn run(&mut self) -> Result<(), RehearsalError> {
        for stage in Stage::ALL {
            self.reenter_before(stage).await?;
            let mut report = self.enter(stage).await?;
            report.traffic = self.send(stage).await;
            report.held = Some(match stage == Stage::Retired {
                true => count_rows(self.environment).await?,
                false => compare_views(self.environment).await?,
            });
            // The stage is reported even if its rollback fails.
            let back = if stage == Stage::Legacy { Ok(None) } else { self.roll_back(stage).await.map(Some) };
            let rolled_back = back.map(|back| report.back = back);
            self.reports.push(report);
            rolled_back?;
        }
        Ok(())
    }

    async fn reenter_before(&self, to: Stage) -> Result<(), RehearsalError> {
        for (stage, measured) in self.measured.range(..to) {
            self.environment.advance(*stage, measured.clone()).await?;
        }
        Ok(())
    }

    async fn enter(&mut self, stage: Stage) -> Result<StageReport, RehearsalError> {
        if stage == Stage::Legacy {
            return Ok(StageReport::new(stage, vec![], Duration::ZERO));
        }
        let measured = self.environment.measure(stage).await?;
        let unmet = Gate::unmet(stage, &measured.gates).collect();
        self.measured.insert(stage, measured.clone());
        let duration = self.environment.advance(stage, measured).await?;
        Ok(StageReport::new(stage, unmet, duration))
    }

    /// Rolls back to the first stage under traffic. From the last stage, the legacy view is restored first.
    async fn roll_back(&self, stage: Stage) -> Result<WayBack, RehearsalError> {
        let restored = match stage == Stage::Retired {
            true => Some(self.environment.restore_legacy().await?),
            false => None,
        };
        let (in_force, traffic) = tokio::join!(self.environment.roll_back(), self.send(stage));
        Ok(WayBack::new(restored, in_force?, traffic, compare_views(self.environment).await?))
    }

    async fn send(&self, stage: Stage) -> Traffic {
        // Every stage but the first has a rollback, with as many reads.
        let of = self.load.reads * (2 * Stage::ALL.len() as u64 - 1);
        let report = |reads| (self.progress)(RehearsalProgress { stage, reads, of });
        send(self.environment, self.load, &self.reads, &report).await
    }
}
