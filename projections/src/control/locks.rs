//! The advisory locks of the views' database, listed in one place so that no two are the same. The event log has its
//! own numbers. Nothing here takes a lock.

/// Held by the leader on the session that writes its batches.
pub(crate) const LEADER: i64 = i64::from_be_bytes(*b"dayview\x01");

/// Held by a rebuild, and by everything that must not run beside one.
pub(crate) const REBUILD: i64 = i64::from_be_bytes(*b"dayview\x02");

/// Held while the views of the schema `runbook` are replaced, because several processes may start at once.
pub(crate) const RUNBOOK_SCHEMA: i64 = i64::from_be_bytes(*b"dayview\x03");
