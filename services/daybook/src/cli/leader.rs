//! Who keeps the views up, as `daybook status` and `daybook projection list` tell it.

use chrono::{DateTime, SubsecRound, Utc};
use daybook_projections::Leader;
use daybook_projections::leader::LEADER_SILENCE;

/// One line for people.
pub(super) fn describe(leader: Option<&Leader>) -> String {
    let Some(leader) = leader else { return "No process has kept the views up yet.".to_owned() };
    let Leader { epoch, process, since, holds_lock, silent_seconds } = leader;
    if !holds_lock {
        return format!("No process keeps the views up; {process} did last, as epoch {epoch}.");
    }
    let silence = if *silent_seconds > LEADER_SILENCE.as_secs_f64() {
        format!(", but has been silent for {silent_seconds:.0} s")
    } else {
        String::new()
    };
    format!("{process} keeps the views up, as epoch {epoch} since {}{silence}.", moment(*since))
}

/// A moment to the second, as people read it.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%SZ").to_string()
}
