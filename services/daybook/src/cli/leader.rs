//! The leader of the live views, as `daybook status` and `daybook projection list` show it.

use daybook_domain::ClinicZone;
use daybook_projections::Leader;
use daybook_projections::leader::LEADER_SILENCE;

use crate::output::{seconds, timestamp};

/// One or two lines for people.
pub(super) fn describe_leader(leader: Option<&Leader>, zone: ClinicZone) -> String {
    let Some(leader) = leader else {
        return "No leader: no process has kept the views up to date yet.".to_owned();
    };
    let Leader { epoch, process, since, holds_lock, silent_seconds } = leader;
    if !holds_lock {
        return format!(
            "No leader: no process keeps the views up to date. Last: {process}, epoch {epoch}.\n\
             Next: daybook serve, or daybook projection run"
        );
    }
    let silence = if *silent_seconds > LEADER_SILENCE.as_secs_f64() {
        format!(", silent for {}", seconds(*silent_seconds))
    } else {
        String::new()
    };
    format!("Leader: {process}, epoch {epoch}, since {}{silence}.", timestamp(zone, *since))
}
