//! The services and hours that give rows their meaning.

use std::sync::Arc;

use daybook_commands::Commands;
use daybook_domain::catalog::{Catalog, first_services};
use daybook_domain::hours::{Hours, first_hours};

/// Services and hours.
#[derive(Debug, Clone)]
pub(super) struct ReferenceData {
    pub(super) catalog: Arc<Catalog>,
    pub(super) hours: Arc<Hours>,
}

impl ReferenceData {
    /// The clinic's own, or the initial ones if it has none yet.
    pub(super) fn current_or_initial(commands: Option<&Commands>) -> Self {
        let catalog = commands.map(Commands::catalog).filter(|catalog| !catalog.is_empty());
        let hours = commands.map(Commands::hours).filter(|hours| !hours.is_empty());
        Self {
            catalog: catalog.unwrap_or_else(|| Arc::new(initial_catalog())),
            hours: hours.unwrap_or_else(|| Arc::new(initial_hours())),
        }
    }
}

fn initial_catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for command in first_services() {
        // The domain never rejects its own initial services. A rejected one would be missing after a real first start too.
        catalog.decide(command).unwrap_or_default().iter().for_each(|event| catalog.evolve(event));
    }
    catalog
}

fn initial_hours() -> Hours {
    let mut hours = Hours::default();
    for command in first_hours() {
        hours.decide(command).unwrap_or_default().iter().for_each(|event| hours.evolve(event));
    }
    hours
}
