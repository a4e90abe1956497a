//! How figures are written in what gates tell: times, shares, numbers of things.

use std::time::Duration;

use chrono::TimeDelta;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A time in its two largest units, such as `26 h 10 min` or `2 d`. Nothing is rounded up: a gate that is shut must not look
/// as if it were open.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [("d", DAY, u64::MAX), ("h", HOUR, DAY), ("min", MINUTE, HOUR), ("s", 1, MINUTE)];
    let parts: Vec<(&str, u64)> =
        units.map(|(name, unit, within)| (name, seconds % within / unit)).into_iter().collect();
    let first = parts.iter().position(|(_, number)| *number > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(first).take(2).enumerate();
    let texts: Vec<String> = shown
        .filter(|(place, (_, number))| *place == 0 || *number > 0)
        .map(|(_, (name, number))| format!("{number} {name}"))
        .collect();
    texts.join(" ")
}

/// From one moment to a later one; nothing where it is not later.
pub(super) fn passed(time: TimeDelta) -> Duration {
    time.to_std().unwrap_or_default()
}

/// A part of a whole in percent, to two places and cut off after them.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    hundredths as f64 / 100.0
}

/// A number of things.
pub(super) fn things(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_its_two_largest_units_and_never_rounded_up() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (HOUR - 1, "59 min 59 s"),
            (26 * HOUR + 10 * MINUTE + 5, "1 d 2 h"),
            (7 * DAY, "7 d"),
            (14 * DAY - 1, "13 d 23 h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(time(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_share_is_cut_off_and_of_nothing_it_is_nothing() {
        let shares = [(9_499, 10_000, 94.99), (949_999, 1_000_000, 94.99), (1, 3, 33.33), (0, 0, 0.0)];
        for (part, whole, shown) in shares {
            assert_eq!(percent(part, whole).to_string(), shown.to_string());
        }
    }
}
