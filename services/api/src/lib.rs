//! Daybook's HTTP API: routes for booking clients, staff and administrators, and health checks.
//!
//! Each request is routed once, in `request`, and answered by that model and generation alone. Commands go to the write
//! side: this crate never decides a booking and never appends.
//!
//! Where to look: [`Application`] is the server, `routes` maps endpoints to handlers, `request` has everything that is the
//! same for every request, `problem` is the error type, `texts` has the texts that people read. Each handler is a file
//! in `public`, `staff`, `admin` or `health`.
//!
//! Input from clients must never appear in logs or metric labels.

mod admin;
mod admission;
mod application;
mod concerned;
mod connections;
mod freshness;
mod health;
mod lateness;
mod metrics;
#[cfg(feature = "migration")]
mod migration;
mod problem;
mod public;
mod read_observer;
mod request;
mod response;
mod routes;
mod settings;
mod staff;
mod state;
mod texts;

pub use application::{Application, ApplicationError, StopHandle};
#[cfg(feature = "migration")]
pub use daybook_migration::guardrails::Watching;
#[cfg(feature = "migration")]
pub use migration::MigrationParts;
pub use request::client_network::{InvalidTrustedProxies, TrustedProxies};
pub use request::endpoint::routes;
pub use request::origins::{AllowedOrigins, InvalidOrigins};
pub use settings::{InvalidJwtSecret, InvalidMetricsToken, JwtSecret, MetricsToken, Parts, Settings};
pub use staff::{
    InvalidKeySource, InvalidStaffName, KeySet, KeySetError, KeySource, Permission, Role, StaffName,
    TokenError, TokenOrder, TokenRules, UnknownPermission, is_token, issue_token,
};
