//! The outcome of a retry or a discard, for people.

use daybook_projections::parked::RetryReport;

use crate::output::counted;

/// One line for each generation.
pub(super) fn describe(mended: &[RetryReport]) -> String {
    let line = |one: &RetryReport| {
        let left = match one.parked {
            0 => "nothing is parked any more".to_owned(),
            left => format!("{} still parked", counted(left, "event is", "events are")),
        };
        format!(
            "{}: {} applied or discarded; {left}.",
            one.generation,
            counted(one.mended, "event", "events")
        )
    };
    if mended.is_empty() {
        return "Nothing is parked in a live view.".to_owned();
    }
    mended.iter().map(line).collect::<Vec<_>>().join("\n")
}
