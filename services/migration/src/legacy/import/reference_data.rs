//! The services and hours that rows are read by: the clinic's own, or those with which a clinic begins.

use std::sync::Arc;

use daybook_domain::catalog::{Catalog, first_services};
use daybook_domain::hours::{Hours, first_hours};

use daybook_commands::Commands;

/// Services and hours.
#[derive(Debug, Clone)]
pub(super) struct ReferenceData {
    pub(super) catalog: Arc<Catalog>,
    pub(super) hours: Arc<Hours>,
}

impl ReferenceData {
    /// Those of a clinic; what it has not set up yet is as a run would set it up.
    pub(super) fn of(commands: Option<&Commands>) -> Self {
        let catalog = commands.map(Commands::catalog).filter(|catalog| !catalog.is_empty());
        let hours = commands.map(Commands::hours).filter(|hours| !hours.is_empty());
        Self {
            catalog: catalog.unwrap_or_else(|| Arc::new(first_catalog())),
            hours: hours.unwrap_or_else(|| Arc::new(first_clinic_hours())),
        }
    }
}

fn first_catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for command in first_services() {
        // The domain's own first services are never refused; one that were would be missing here as in a first start.
        catalog.decide(command).unwrap_or_default().iter().for_each(|event| catalog.evolve(event));
    }
    catalog
}

fn first_clinic_hours() -> Hours {
    let mut hours = Hours::default();
    for set in first_hours() {
        hours.decide(set).unwrap_or_default().iter().for_each(|event| hours.evolve(event));
    }
    hours
}
