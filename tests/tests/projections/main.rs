//! The read side on a real PostgreSQL: live and rebuilt views are equal, comparisons find faults, and reads continue
//! during a rebuild.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod audit;
mod erasure;
mod gates;
mod history;
mod kept_generations;
mod leadership;
mod memory;
mod migration;
mod moves;
mod oracle;
mod own_rules;
mod parking;
mod past_generations;
mod rebuild;
mod retiring;
mod routing;
mod runbook;
mod shadow;
mod values;
mod verify;
