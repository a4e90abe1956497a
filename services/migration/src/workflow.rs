//! The workflows of the migration: advance, roll back, retire, restore. The command line, the API and the rehearsal share them.
//!
//! If a process is killed between two steps, the same call completes the rest. The views must be kept up to date meanwhile, by
//! this process or another one. Nothing here may prompt or print.

mod advance;
mod restore;
mod retire;
mod rollback;

use daybook_commands::Commands;
use daybook_projections::Progress;

use crate::retirement::Retirement;
use crate::rollout::Migration;

pub use advance::{Advanced, ProposedAdvance};
pub use restore::Restored;
pub use retire::Retire;
pub use rollback::RolledBack;

/// What a workflow is doing.
#[derive(Debug, Clone, Copy)]
pub enum WorkflowProgress {
    Phase(&'static str),
    Rebuild(Progress),
}

/// Receives the progress of a workflow.
pub type OnProgress<'a> = &'a (dyn Fn(WorkflowProgress) + Send + Sync);

/// Runs the workflows.
#[derive(Debug, Clone)]
pub struct Workflows {
    commands: Commands,
    migration: Migration,
    retirement: Retirement,
}

impl Workflows {
    /// Takes the write side, the measurement of gates and the retirement of views.
    pub const fn new(commands: Commands, migration: Migration, retirement: Retirement) -> Self {
        Self { commands, migration, retirement }
    }

    /// The status, plan and gates.
    pub const fn migration(&self) -> &Migration {
        &self.migration
    }
}
