//! The workflows of the migration: advance, roll back, retire, restore. The command line, HTTP and the rehearsal call the
//! same functions.
//!
//! The steps of each are ordered so that a process may be killed between any two of them: the same call completes what is
//! missing. Somebody has to keep the views up to date meanwhile, in this process or in another one. Nothing here asks the
//! operator or prints.

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
    /// A phase began.
    Phase(&'static str),
    /// A rebuild goes on.
    Rebuild(Progress),
}

/// Hears of the progress of a workflow.
pub type OnProgress<'a> = &'a (dyn Fn(WorkflowProgress) + Send + Sync);

/// Carries out the workflows.
#[derive(Debug, Clone)]
pub struct Workflows {
    commands: Commands,
    migration: Migration,
    retirement: Retirement,
}

impl Workflows {
    /// On the write side, and on what measures gates and retires views.
    pub const fn new(commands: Commands, migration: Migration, retirement: Retirement) -> Self {
        Self { commands, migration, retirement }
    }

    /// Where the migration stands.
    pub const fn migration(&self) -> &Migration {
        &self.migration
    }
}
