//! A rehearsal of the migration: all stages at speed on a copy of the log, under traffic, and the way back from each.
//!
//! It works on the parts of a scratch database and is given no others, so that it cannot reach the live log. It has no
//! rules of its own: stages are entered by the workflows, and reads are answered by the router and the queries that serve
//! clients. Gates are measured and reported, but never keep a stage shut.

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
    /// A step of the migration failed.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// A booking failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The copied log cannot be read.
    #[error("the copied log could not be read")]
    Log(#[from] ReadError),
    /// PostgreSQL gives no connection.
    #[error("the scratch database gives no connection")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// An invented phone number is none.
    #[error("an invented phone number is not valid")]
    Phone(#[from] InvalidPhone),
    /// A view did not reach the end of the copied log in time.
    #[error("the dynamic view did not reach position {0} of the copied log")]
    Behind(Position),
}

/// The traffic of a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Reads in each stage, and as many on each way back.
    pub reads: u64,
    /// Readers that ask at the same time.
    pub readers: usize,
}

/// The progress of a rehearsal.
#[derive(Debug, Clone, Copy)]
pub struct RehearsalProgress {
    /// The current stage.
    pub stage: Stage,
    /// Reads so far.
    pub reads: u64,
    /// Reads in all.
    pub of: u64,
}

/// Hears of the progress.
pub type OnProgress<'a> = &'a (dyn Fn(RehearsalProgress) + Sync);

/// Goes through all stages, over a copied log whose views are built. Somebody has to keep the views up to date meanwhile.
///
/// # Errors
/// It cannot begin. What goes wrong later is in the report.
pub async fn run(
    parts: ScratchParts,
    load: Load,
    progress: OnProgress<'_>,
) -> Result<Report, RehearsalError> {
    let since = Instant::now();
    let environment = RehearsalEnvironment::open(parts).await?;
    let brought_back = start_at_legacy(&environment).await?;
    let reservations = environment.draw().await?;
    let mut stages = Stages::new(&environment, load, progress);
    let stopped = stages.run().await.err().map(|error| describe(&error));
    let patience = Patience::default();
    let mut report = Report {
        passed: false,
        reservations,
        booked: environment.booked(),
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

/// Routes everybody to the legacy view, whatever stage the log was copied in. Gives how long it took to build that view
/// again, if it had been retired.
async fn start_at_legacy(environment: &RehearsalEnvironment) -> Result<Option<f64>, RehearsalError> {
    let brought_back = if environment.commands.routing().is_retired(ReadModel::Legacy) {
        Some(environment.restore_legacy().await?.as_secs_f64())
    } else {
        None
    };
    let routing = environment.commands.routing();
    if routing.share != Stage::Legacy.share() || routing.stage != Stage::Legacy {
        environment.roll_back().await?;
    }
    Ok(brought_back)
}
