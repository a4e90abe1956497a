//! The guided migration: gates, rollout, retirement, runbook, shadow reads.

pub mod checklist;
pub mod contacts;
pub mod gates;
pub mod read_stats;
pub mod retirement;
pub mod rollout;
pub mod runbook;
pub mod shadow;
