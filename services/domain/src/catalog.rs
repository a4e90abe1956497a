//! The catalog: which services the clinic offers, how long each takes, and how many of each a day may hold.
//!
//! Stream `catalog-main`. Consistency boundary of unique codes. Order of this file: events, state, commands, decide.

mod command;
mod event;
mod seed;
mod state;

pub use command::{CatalogCommand, CatalogRejection, ServiceDraft};
pub use event::{
    CatalogEvent, ServiceActivated, ServiceDeactivated, ServiceDefined, ServiceLimitSet, ServiceRenamed,
    ServiceRetimed, ServicesReordered,
};
pub use seed::first_services;
pub use state::{Catalog, Limit, Service};
