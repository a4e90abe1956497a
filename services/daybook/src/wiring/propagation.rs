//! Waiting until a change of the routing is in force: until whoever follows the log routes by it.
//!
//! It must never change anything.

use std::time::{Duration, Instant};

use daybook_commands::Commands;
use daybook_projections::{Router, ViewError};

/// How long it may take until a change is in force.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between looks whether it is.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until a follower of the log routes as the commands say; gives how long that is after a moment.
///
/// # Errors
/// [`ViewError::TimedOut`] where it takes too long.
pub async fn wait_until_in_force(
    commands: &Commands,
    follower: &Router,
    since: Instant,
) -> Result<Duration, ViewError> {
    while *follower.routing() != *commands.routing() {
        if since.elapsed() > PATIENCE {
            let what = "a change to be in force; it is recorded, and `daybook migrate status` shows it";
            return Err(ViewError::TimedOut { what, seconds: PATIENCE.as_secs() });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(since.elapsed())
}
