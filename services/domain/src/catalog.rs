//! The catalog: the services of the clinic, their durations and their daily limits.
//!
//! Stream `catalog-main`, the consistency boundary for unique codes. It never knows about bookings.

mod change;
mod command;
mod definition;
mod event;
mod seed;
mod state;

pub use change::{LimitChange, ServiceChange};
pub use command::{CatalogCommand, CatalogRejection, ServiceDraft};
pub use definition::check_code;
pub use event::{
    CatalogEvent, ServiceActivated, ServiceDeactivated, ServiceDefined, ServiceLimitSet, ServiceRenamed,
    ServiceRetimed, ServicesReordered,
};
pub use seed::first_services;
pub use state::{Catalog, Limit, Service};

#[cfg(test)]
mod tests;
