//! Daybook as its users see it: the real program as a process, used by command line and HTTP and stopped by signals.
//! Nothing here may bypass that, except to check the results in PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod attacks;
mod audit;
mod backups;
mod broken_views;
mod checklist;
mod client;
mod clocks;
mod compatibility;
mod consistent_routing;
mod crashes;
mod forgetting;
mod full_migration;
mod guardrails;
mod import;
mod killed_rebuilds;
mod legacy_flags;
mod legacy_system;
mod load;
mod log_elections;
mod log_restarts;
mod migrate_check;
mod migration;
mod outages;
mod overload;
mod own_bookings;
mod parked_events;
mod paused_leader;
mod poisoned_log;
mod private_postgres;
mod projection_process;
mod proofs;
mod random_kills;
mod rehearsal;
mod restored_log;
mod retirement;
mod routing_changes;
mod runbook;
mod seats;
mod secrecy;
mod shutdown;
mod strangers;
mod tables;
mod tokens;
mod view_rebuilds;
