//! Durations and timestamps as people read them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::ClinicZone;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// A duration by its two largest units, such as `1day 2h`. It is cut, not rounded: a soak time that is not over must not look
/// as if it were.
pub(crate) fn duration(duration: Duration) -> String {
    let unit_ms = match duration.as_secs() {
        0..10 => 1,
        10..HOUR => 1_000,
        HOUR..DAY => 60_000,
        _ => HOUR * 1_000,
    };
    let whole_units = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX) / unit_ms;
    humantime::format_duration(Duration::from_millis(whole_units * unit_ms)).to_string()
}

/// The same for a number of seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    duration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// An instant by the clinic's clock, to the minute: `2026-11-30 11:10 KST`.
pub(crate) fn timestamp(zone: ClinicZone, at: DateTime<Utc>) -> String {
    zone.at(at).format("%Y-%m-%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_its_two_largest_units_and_is_never_rounded_up() {
        for (length, text) in [
            (0.0, "0s"),
            (0.35, "350ms"),
            (1.5, "1s 500ms"),
            (59.99, "59s"),
            (90.0, "1m 30s"),
            (3605.0, "1h"),
            (86_399.0, "23h 59m"),
            (93_784.0, "1day 2h"),
            (1_209_600.0, "14days"),
        ] {
            assert_eq!(seconds(length), text);
        }
    }

    #[test]
    fn a_timestamp_is_in_the_clinic_s_zone() {
        let at = DateTime::UNIX_EPOCH;
        assert_eq!(timestamp(ClinicZone::SEOUL, at), "1970-01-01 09:00 KST");
    }
}
