//! A rehearsal of the migration: all stages in quick succession on a copy of the log, under traffic, with a rollback from each.
//!
//! It gets only the scratch database, so that it can never reach the live log. It has no rules of its own: the workflows enter
//! the stages, and the router and queries of the service answer its reads. Gates are measured and reported but do not block.

mod booking;
mod contents;
mod environment;
mod report;
mod stages;
mod traffic;

use std::time::Instant;

use daybook_commands::CommandError;
use daybook_domain::ReadModel;
use daybook_domain::phone::InvalidPhone;
use daybook_domain::routing::Stage;
use daybook_event_log::{Position, ReadError};
use daybook_projections::{ViewError, describe};

pub use contents::{ViewContents, ViewTotals};
pub use environment::ScratchParts;
pub use report::{Report, StageReport, WayBack};
pub use traffic::Traffic;

use crate::MigrationError;
use crate::retirement::Patience;
use environment::RehearsalEnvironment;
use stages::Stages;

/// Why a rehearsal stopped, or a request of it failed.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error(transparent)]
    Migration(#[from] MigrationError),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the copied log cannot be read")]
    Log(#[from] ReadError),
    #[error("no connection to the scratch database; check PostgreSQL and run the rehearsal again")]
    Pool(#[from] deadpool_postgres::PoolError),
    #[error("the rehearsal made up an invalid phone number; this is a bug")]
    Phone(#[from] InvalidPhone),
    #[error("the dynamic view did not reach position {0} of the copied log in time; run the rehearsal again")]
    Behind(Position),
}

/// The traffic of a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Number of reads in each stage and again in each rollback.
    pub reads: u64,
    /// Number of concurrent readers.
    pub readers: usize,
}

/// The progress of a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalProgress {
    pub stage: Stage,
    pub reads: u64,
    /// Total number of reads.
    pub of: u64,
}

/// Receives the progress.
pub type OnProgress<'a> = &'a (dyn Fn(RehearsalProgress) + Sync);

/// Runs the rehearsal on a copied log whose views are built. The views must be kept up to date meanwhile.
///
/// # Errors
/// The rehearsal cannot start. Later failures are in the report.
pub async fn run(
    parts: ScratchParts,
    load: Load,
    progress: OnProgress<'_>,
) -> Result<Report, RehearsalError> {
    let since = Instant::now();
    let environment = RehearsalEnvironment::open(parts).await?;
    let brought_back_seconds = start_at_legacy(&environment).await?;
    let reservations = environment.sample().await?;
    let mut stages = Stages::new(&environment, load, progress);
    let stopped = stages.run().await.err().map(|error| describe(&error));
    let patience = Patience::default();
    let mut report = Report {
        passed: false,
        reservations,
        booked: environment.booked(),
        reads: load.reads,
        readers: load.readers,
        brought_back_seconds,
        stages: stages.into_reports(),
        waits_left_out_seconds: (patience.in_force + patience.last_readers).as_secs_f64(),
        seconds: since.elapsed().as_secs_f64(),
        stopped,
    };
    report.passed = report.is_clean();
    Ok(report)
}

/// Rolls back to the first stage, whatever stage the log was copied in. Returns the seconds that restoring the legacy view
/// took, if it was retired.
async fn start_at_legacy(environment: &RehearsalEnvironment) -> Result<Option<f64>, RehearsalError> {
    let restored = match environment.commands.routing().is_retired(ReadModel::Legacy) {
        true => Some(environment.restore_legacy().await?.as_secs_f64()),
        false => None,
    };
    let routing = environment.commands.routing();
    if routing.share != Stage::Legacy.share() || routing.stage != Stage::Legacy {
        environment.roll_back().await?;
    }
    Ok(restored)
}
