//! Daybook as its users see it: the real program as a process, used by command line and HTTP and stopped by signals.
//! Nothing here may bypass that, except to check the results in PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod asking;
mod audits;
mod backups;
mod broken_off;
mod checklist;
mod checks;
mod compatibility;
mod crashes;
mod flips;
mod guardrails;
mod load;
mod log_elections;
mod log_restarts;
mod migrating;
mod old_flags;
mod old_system;
mod one_answer;
mod outages;
mod parked;
mod paused_leader;
mod private_postgres;
mod proofs;
mod random_kills;
mod rehearsing;
mod replay;
mod restored_log;
mod retiring;
mod runbook;
mod seats;
mod secrecy;
mod stopping;
mod tables;
mod takeover;
mod views_alone;
mod whole_way;
