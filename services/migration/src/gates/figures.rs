//! Durations, percentages and counts as gates show them.

use std::time::Duration;

use chrono::TimeDelta;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration such as `1day 2h`. It is cut, not rounded: a soak time that is not over must not look as if it were.
pub(super) fn duration(duration: Duration) -> String {
    let unit = match duration.as_secs() {
        0..HOUR => 1,
        HOUR..DAY => MINUTE,
        _ => HOUR,
    };
    humantime::format_duration(Duration::from_secs(duration.as_secs() / unit * unit)).to_string()
}

/// Zero if the time is negative, which only differing clocks cause.
pub(super) fn elapsed(time: TimeDelta) -> Duration {
    time.to_std().unwrap_or_default()
}

/// A share in percent, rounded to two decimals. Compare shares with [`is_share`]: a rounded one may look large enough.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 10_000.0 / whole.max(1) as f64).round() / 100.0
}

/// Whether a part is at least this percentage of the whole.
pub(super) fn is_share(part: u64, whole: u64, least_percent: f64) -> bool {
    part as f64 * 100.0 >= least_percent * whole as f64
}

pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_two_units_and_is_never_rounded_up() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (HOUR - 1, "59m 59s"),
            (26 * HOUR + 10 * MINUTE + 5, "1day 2h"),
            (7 * DAY, "7days"),
            (14 * DAY - 1, "13days 23h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_percentage_is_rounded_for_display_and_exact_in_comparisons() {
        let shares = [(9_499, 10_000, 94.99), (98, 194, 50.52), (96, 194, 49.48), (1, 3, 33.33), (0, 0, 0.0)];
        for (part, whole, shown) in shares {
            assert_eq!(percent(part, whole).to_string(), shown.to_string());
        }
        assert!(is_share(95, 100, 95.0) && is_share(0, 0, 95.0) && !is_share(949_999, 1_000_000, 95.0));
    }
}
