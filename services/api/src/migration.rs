//! The migration over HTTP: its routes, and the observation of reads for guardrails and shadow reads.
//!
//! The steps of the migration are workflows of `daybook-migration`; nothing here may decide or order them. Without the
//! feature `migration` the service runs without this module.

mod background;
mod body;
mod change_migration;
mod metrics;
mod observer;
mod plan_migration;
mod show_guardrails;
mod show_migration;
pub(crate) mod start;

use actix_web::web::{self, ServiceConfig};

use crate::request::endpoint::Endpoint;
use crate::request::resource::at;

pub use start::MigrationParts;

/// Adds the routes.
pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(
            at(Endpoint::Migration)
                .route(web::get().to(show_migration::show_migration))
                .route(web::post().to(change_migration::change_migration)),
        )
        .service(at(Endpoint::MigrationPlan).route(web::get().to(plan_migration::plan_migration)))
        .service(at(Endpoint::Guardrails).route(web::get().to(show_guardrails::show_guardrails)));
}
