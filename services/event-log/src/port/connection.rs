//! State of a log's connection, for health checks and metrics.

use serde::Serialize;

/// State of a log's connection as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// `memory`, `postgres` or `eventstore`.
    pub adapter: &'static str,
    /// Whether the log answered the last time.
    pub is_up: bool,
    /// Reconnects since the process started.
    pub reconnects: u64,
}
