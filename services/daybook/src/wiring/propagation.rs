//! Waits until a change of the routing has reached a process that follows the log. It must never change anything.

use std::time::{Duration, Instant};

use daybook_commands::Commands;
use daybook_projections::{Router, ViewError};

/// How long a change may take to take effect.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between checks.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until a follower of the log has the routing of the commands, and returns the time since `since`.
///
/// # Errors
/// [`ViewError::TimedOut`] if it takes too long.
pub async fn wait_for_propagation(
    commands: &Commands,
    follower: &Router,
    since: Instant,
) -> Result<Duration, ViewError> {
    while *follower.routing() != *commands.routing() {
        if since.elapsed() > PATIENCE {
            let what = "the change to take effect; it is recorded, and `daybook migrate status` shows it";
            return Err(ViewError::TimedOut { what, seconds: PATIENCE.as_secs() });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(since.elapsed())
}
