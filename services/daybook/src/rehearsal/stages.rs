//! The stages, one after the other, and the way back to legacy from each.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use daybook_domain::routing::{Gate, RollBackStage, RoutingCommand, Stage};
use daybook_projections::Measured;

use super::holding::{of_both, of_one};
use super::report::{StageReport, WayBack};
use super::scene::{REASON, RehearsalEnvironment, advance};
use super::traffic::{Traffic, send};
use super::{Load, Rehearsed, Tell};

/// Goes through the stages.
pub(super) struct Stages<'a> {
    scene: &'a RehearsalEnvironment,
    load: Load,
    tell: Tell<'a>,
    turns: AtomicU64,
    /// The gates before each stage, as they were measured the first time.
    measured: BTreeMap<Stage, Measured>,
    reports: Vec<StageReport>,
}

impl<'a> Stages<'a> {
    pub(super) fn new(scene: &'a RehearsalEnvironment, load: Load, tell: Tell<'a>) -> Self {
        let turns = AtomicU64::new(0);
        Self { scene, load, tell, turns, measured: BTreeMap::new(), reports: vec![] }
    }

    /// What became of the stages that were gone through.
    pub(super) fn into_reports(self) -> Vec<StageReport> {
        self.reports
    }

    /// All of them. Every stage is entered from the first one, through those before it.
    ///
    /// # Errors
    /// What stood in the way; the stages before it are reported.
    pub(super) async fn run(&mut self) -> anyhow::Result<()> {
        for stage in Stage::ALL {
            self.climb(stage).await?;
            let mut report = self.enter(stage).await?;
            report.traffic = self.send(stage).await;
            let held =
                if stage == Stage::Retired { of_one(self.scene).await } else { of_both(self.scene).await };
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
    async fn climb(&self, to: Stage) -> anyhow::Result<()> {
        for (stage, measured) in self.measured.range(..to) {
            self.scene.change(vec![advance(*stage, measured)]).await?;
        }
        Ok(())
    }

    async fn enter(&mut self, stage: Stage) -> anyhow::Result<StageReport> {
        if stage == Stage::Legacy {
            return Ok(StageReport::of(stage, vec![], Duration::ZERO));
        }
        let measured = self.scene.measure(stage).await?;
        let shut = Gate::unmet(stage, &measured.gates).collect();
        let command = advance(stage, &measured);
        self.measured.insert(stage, measured);
        let took = match stage == Stage::Retired {
            true => self.scene.retire_legacy(command).await?,
            false => self.scene.change(vec![command]).await?,
        };
        Ok(StageReport::of(stage, shut, took))
    }

    /// Rolls back to legacy while clients go on; after cleanup the legacy view is built again first.
    async fn go_back(&self, stage: Stage) -> anyhow::Result<WayBack> {
        let restored = match stage == Stage::Retired {
            true => Some(self.scene.restore_legacy().await?),
            false => None,
        };
        let back = RollBackStage { stage: Stage::Legacy, reason: REASON.into() };
        let rolled_back = self.scene.change(vec![RoutingCommand::RollBackStage(back)]);
        let (in_force, traffic) = tokio::join!(rolled_back, self.send(stage));
        Ok(WayBack::of(restored, in_force?, traffic, of_both(self.scene).await?))
    }

    async fn send(&self, stage: Stage) -> Traffic {
        // Each stage, and each way back.
        let of = self.load.reads * (2 * Stage::ALL.len() as u64 - 1);
        let tell = |reads| (self.tell)(Rehearsed { stage, reads, of });
        send(self.scene, self.load, &self.turns, &tell).await
    }
}
