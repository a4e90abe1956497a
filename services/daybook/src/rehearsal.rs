//! A rehearsal of the migration: all stages at speed on a copy of the log, under traffic, and the way back from each.
//!
//! It works on the parts of a scratch database and is given no others, so that nothing of it can reach the live log. It holds
//! no rule: stages are entered by the commands and reads are answered by the router and the queries that serve clients. Gates
//! are measured and told, not asked.

mod booking;
mod holding;
mod report;
mod scene;
mod stages;
mod traffic;

use std::time::Instant;

use daybook_domain::ReadModel;
use daybook_domain::routing::{RollBackStage, RoutingCommand, Stage};
use daybook_projections::{Listener, Patience, RebuildReport, describe};

pub(crate) use report::{Report, StageReport, WayBack};
pub(crate) use traffic::Traffic;

use crate::settings::Settings;
use crate::wiring::{Restored, RunningEngine};
use scene::RehearsalEnvironment;
use stages::Stages;

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Reads in each stage, and as many on each way back.
    pub(crate) reads: u64,
    /// Readers that ask at the same time.
    pub(crate) readers: usize,
}

/// How far a rehearsal is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rehearsed {
    /// The stage that is gone through.
    pub(crate) stage: Stage,
    /// Reads so far.
    pub(crate) reads: u64,
    /// Reads in all.
    pub(crate) of: u64,
}

/// Hears how far it is.
pub(crate) type Tell<'a> = &'a (dyn Fn(Rehearsed) + Sync);

/// Builds both views from a copied log. One that the log says is retired is brought back by the rehearsal itself.
///
/// # Errors
/// What stopped the rebuild.
pub(crate) async fn build(
    restored: &Restored,
    models: &[ReadModel],
    tell: Listener<'_>,
) -> anyhow::Result<RebuildReport> {
    Ok(restored.rebuild().run(models, tell).await?)
}

/// Goes through all stages, over a copied log whose views are built.
///
/// # Errors
/// When it cannot begin. What goes wrong later is in the report.
pub(crate) async fn run(
    restored: &Restored,
    settings: &Settings,
    load: Load,
    tell: Tell<'_>,
) -> anyhow::Result<Report> {
    let engine = restored.start_engine();
    let outcome = run_beside(restored, settings, load, tell).await;
    RunningEngine::stop(engine).await;
    outcome
}

async fn run_beside(
    restored: &Restored,
    settings: &Settings,
    load: Load,
    tell: Tell<'_>,
) -> anyhow::Result<Report> {
    let since = Instant::now();
    let scene = RehearsalEnvironment::open(restored, settings).await?;
    let brought_back = to_the_beginning(&scene).await?;
    let reservations = scene.draw().await?;
    let mut stages = Stages::new(&scene, load, tell);
    let stopped = stages.run().await.err().map(|error| describe(&*error));
    let patience = Patience::default();
    let mut report = Report {
        passed: false,
        reservations,
        booked: scene.booked(),
        reads: load.reads,
        readers: load.readers,
        brought_back_seconds: brought_back,
        stages: stages.into_reports(),
        waits_left_out_seconds: (patience.in_force + patience.last_readers).as_secs_f64(),
        seconds: since.elapsed().as_secs_f64(),
        stopped,
    };
    report.passed = report.is_clean();
    Ok(report)
}

/// Leads everybody to the legacy view, whatever stage the log was copied in. Gives how long it took to build that view again,
/// where it had been retired.
async fn to_the_beginning(scene: &RehearsalEnvironment) -> anyhow::Result<Option<f64>> {
    let routing = scene.commands.routing();
    let brought_back = match routing.is_retired(ReadModel::Legacy) {
        true => Some(scene.restore_legacy().await?.as_secs_f64()),
        false => None,
    };
    if scene.commands.routing().share != Stage::Legacy.share() || routing.stage != Stage::Legacy {
        let back = RollBackStage { stage: Stage::Legacy, reason: scene::REASON.into() };
        scene.change(vec![RoutingCommand::RollBackStage(back)]).await?;
    }
    Ok(brought_back)
}
