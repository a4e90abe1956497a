//! The HTTP side of Daybook: the booking clients' contract, the staff's and the administrators' routes, and health.
//!
//! A request is routed once, at its `edge`, and answered by that model and generation alone. Commands go to
//! the write side; nothing here decides a booking, and nothing here appends.
//!
//! Where to look: [`Application`] is what runs, `routes` which handler answers which address, `edge` what is the same for
//! every request, `problem` everything that can go wrong, `texts` what people read. Handlers are one a file, under
//! `public`, `staff`, `admin` and `health`.
//!
//! It must never log or count by anything that a client sent.

mod admin;
mod application;
mod edge;
mod health;
mod metrics;
#[cfg(feature = "migration")]
mod migration;
mod problem;
mod public;
mod read_observer;
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
pub use settings::{InvalidJwtSecret, JwtSecret, Parts, Settings};
pub use staff::{InvalidStaffName, Role, StaffName, TokenError, issue_token};
