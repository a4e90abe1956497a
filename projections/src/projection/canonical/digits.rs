//! Formats dates exactly as their `Display` does, without the formatting machinery: a rebuild hashes several dates per
//! reservation.

use std::fmt::Write as _;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime};

/// Appends a date.
pub(super) fn push_date(text: &mut String, date: NaiveDate) {
    let Some(year) = u32::try_from(date.year()).ok().filter(|year| *year <= 9999) else {
        // Writing into a text cannot fail.
        let _ = write!(text, "{date}");
        return;
    };
    for (value, places) in [(year, 4), (date.month(), 2), (date.day(), 2)] {
        if places == 2 {
            text.push('-');
        }
        push_digits(text, value, places);
    }
}

/// Appends a date and a time, which is usually midnight.
pub(super) fn push_moment(text: &mut String, moment: NaiveDateTime) {
    if moment.time() == NaiveTime::MIN {
        push_date(text, moment.date());
        text.push_str(" 00:00:00");
    } else {
        // As above.
        let _ = write!(text, "{moment}");
    }
}

fn push_digits(text: &mut String, value: u32, places: u32) {
    for place in (0..places).rev() {
        text.push(char::from(b'0' + (value / 10u32.pow(place) % 10) as u8));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn appended_dates_equal_displayed_dates(days in -5_000_000..5_000_000i32, seconds in prop_oneof![Just(0u32), 0..86_400u32]) {
            let date = NaiveDate::from_epoch_days(days).unwrap_or(NaiveDate::MIN);
            let mut text = String::from("=");
            push_date(&mut text, date);
            prop_assert_eq!(text, format!("={date}"));
            let moment = date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default());
            let mut text = String::new();
            push_moment(&mut text, moment);
            prop_assert_eq!(text, moment.to_string());
        }
    }
}
