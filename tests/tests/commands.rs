//! The write side on a real PostgreSQL server: seats, idempotency keys, forgetting, and the import.
//!
//! The tests check the log and the tables. They never rely only on the reports of the write side.

#[path = "commands/analysis.rs"]
mod analysis;
#[path = "commands/changes.rs"]
mod changes;
#[path = "commands/clinic.rs"]
mod clinic;
#[path = "commands/first_start.rs"]
mod first_start;
#[path = "commands/foreign_exports.rs"]
mod foreign_exports;
#[path = "commands/forgetting.rs"]
mod forgetting;
#[path = "commands/histories.rs"]
mod histories;
#[path = "commands/import.rs"]
mod import;
#[path = "commands/keys.rs"]
mod keys;
#[path = "commands/late.rs"]
mod late;
#[path = "commands/revoking.rs"]
mod revoking;
#[path = "commands/seats.rs"]
mod seats;
#[path = "commands/secrecy.rs"]
mod secrecy;
#[path = "commands/takeover.rs"]
mod takeover;
