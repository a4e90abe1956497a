//! How a log's connection fares, for whoever watches the process.

use serde::Serialize;

/// How a log's connection fares, as it is known without asking the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Name of the adapter: `memory`, `postgres` or `eventstore`.
    pub adapter: &'static str,
    /// Whether the log answered when it was last heard of.
    pub is_up: bool,
    /// How many times the connection was lost and made anew since the process began.
    pub reconnects: u64,
}
