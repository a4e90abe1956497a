//! The allowed values of everything that people send: one named range for each kind of number, date, moment and text.
//!
//! Both views can hold every value in these ranges. Entrances report a wrong value early, and `decide` refuses it
//! whatever the entrance was. Decoding checks only what every release has refused (`Event::check`); otherwise an event
//! is a fact, even one that an older release should have refused. `docs/value-ranges.md` shows all ranges; a test keeps it complete.

mod fault;
mod number;
mod range;
mod text;
mod time;

pub use fault::{Checks, Fault, Faults};
pub use number::Numbers;
pub use range::{Range, Relation, Unit};
pub use text::{Lines, Text, is_allowed, is_visible, without_ignorable};
pub use time::{Dates, Moments};

use chrono::NaiveDate;

use crate::id::MAX_ID_LENGTH;
use crate::time::DAY_MINUTES;

/// A patient's name.
pub const PATIENT_NAME: Text = Text::line(1, 100);
/// A phone number as it was typed, with separators.
pub const PHONE: Text = Text::line(1, 40);
/// An e-mail address (RFC 5321).
pub const EMAIL: Text = Text::line(3, 254);
/// A patient's notes, and a note by staff. An empty note by staff removes the former one.
pub const NOTES: Text = Text::prose(0, 2000);
/// The text of a requested time.
pub const REQUESTED_TIME: Text = Text::prose(0, 200);
/// The reason of a closure or of a change to a reservation.
pub const REASON: Text = Text::prose(1, 500);
/// The reason of a change of routing, and the name of its approver.
pub const ROUTING_REASON: Text = Text::line(1, 500);
/// The evidence for a checklist item.
pub const EVIDENCE: Text = Text::line(1, 1000);
/// The name, or the phone number, of an emergency contact.
pub const CONTACT: Text = Text::line(1, 200);
/// The name with which a member of staff signs in.
pub const STAFF_NAME: Text = Text::line(1, 100);
/// The id of a staff token, its claim `jti`.
pub const TOKEN_ID: Text = Text::line(1, 256);
/// The actor of an event.
pub const ACTOR: Text = Text::line(1, 128);
/// A service's Korean name.
pub const SERVICE_NAME: Text = Text::line(2, 100);
/// A service's English name, and its category.
pub const SERVICE_LABEL: Text = Text::line(1, 100);
/// A service's description, and the reason of its limit.
pub const DESCRIPTION: Text = Text::prose(1, 2000);
/// A clinic's own rule: its text or its pattern.
pub const RULE: Text = Text::line(1, 500);

/// A service's code.
pub const SERVICE_CODE: Range = Range::Word { min: 2, max: 50, characters: "A-Z and _" };
/// Any id.
pub const ID: Range =
    Range::Word { min: 1, max: MAX_ID_LENGTH, characters: "a-z, A-Z, 0-9, '-', '_' and '.'" };

/// Treatment time.
pub const DURATION: Numbers = Numbers { min: 10, max: 480, unit: Unit::Minutes };
/// Time after a treatment.
pub const BUFFER: Numbers = Numbers { min: 0, max: 60, unit: Unit::Minutes };
/// A price. The upper bound is that of the column.
pub const PRICE: Numbers = Numbers { min: 0, max: i32::MAX.unsigned_abs(), unit: Unit::Won };
/// Time between two bookable starts.
pub const SLOT_INTERVAL: Numbers = Numbers { min: 5, max: 240, unit: Unit::Minutes };
/// Bookings at the same minute.
pub const MAX_CONCURRENT: Numbers = Numbers { min: 1, max: 100, unit: Unit::Count };
/// Bookings of a service per day.
pub const DAILY_LIMIT: Numbers = Numbers { min: 0, max: 1000, unit: Unit::Count };
/// Minutes of a service per day.
pub const DAILY_LIMIT_MINUTES: Numbers = Numbers { min: 0, max: DAY_MINUTES, unit: Unit::Minutes };
/// A weekday, from Sunday.
pub const DAY_OF_WEEK: Numbers = Numbers { min: 0, max: 6, unit: Unit::Count };
/// Slots on one weekday.
pub const SLOTS_PER_DAY: Numbers = Numbers { min: 0, max: 48, unit: Unit::Count };
/// Services of a clinic, active or not, and so their places in the display order.
pub const SERVICES: Numbers = Numbers { min: 1, max: 500, unit: Unit::Count };

/// A clinic day: of a booking, a closure or clinic hours.
pub const CLINIC_DAYS: Dates = Dates { first: day(1900, 1, 1), last: day(2199, 12, 31) };
/// An instant that the old system recorded.
pub const MOMENTS: Moments = Moments { first: CLINIC_DAYS.first, last: CLINIC_DAYS.last };

/// The birth dates of patients until today.
pub const fn birth_dates(today: NaiveDate) -> Dates {
    Dates { first: CLINIC_DAYS.first, last: today }
}

/// All named ranges, as the documentation lists them.
pub const TABLE: &[(&str, Range)] = &[
    ("patient's name", PATIENT_NAME.range()),
    ("phone number as typed", PHONE.range()),
    ("e-mail address", EMAIL.range()),
    ("notes of a patient, note by staff", NOTES.range()),
    ("text of a requested time", REQUESTED_TIME.range()),
    ("reason of a closure or of a change to a reservation", REASON.range()),
    ("reason of a change of routing, approver", ROUTING_REASON.range()),
    ("evidence for a checklist item", EVIDENCE.range()),
    ("emergency contact", CONTACT.range()),
    ("staff name", STAFF_NAME.range()),
    ("id of a staff token", TOKEN_ID.range()),
    ("actor of an event", ACTOR.range()),
    ("service's name", SERVICE_NAME.range()),
    ("service's English name, category", SERVICE_LABEL.range()),
    ("service's description, reason of a limit", DESCRIPTION.range()),
    ("text or pattern of a clinic's own rule", RULE.range()),
    ("service's code", SERVICE_CODE),
    ("id", ID),
    ("duration", DURATION.range()),
    ("buffer", BUFFER.range()),
    ("base price", PRICE.range()),
    ("slot interval", SLOT_INTERVAL.range()),
    ("bookings at the same time", MAX_CONCURRENT.range()),
    ("daily limit", DAILY_LIMIT.range()),
    ("daily limit in minutes", DAILY_LIMIT_MINUTES.range()),
    ("day of the week", DAY_OF_WEEK.range()),
    ("slots of a weekday", SLOTS_PER_DAY.range()),
    ("services of a clinic", SERVICES.range()),
    ("rollout percentage", Range::Percentage),
    ("clinic day", CLINIC_DAYS.range()),
    ("moment of the old system", MOMENTS.range()),
];

const fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_range() {
        let documented = include_str!("../../../docs/value-ranges.md");
        for (value, range) in TABLE {
            let row = format!("| {value} | {range} |");
            assert!(documented.contains(&row), "docs/value-ranges.md lacks the row {row}");
        }
        let ranges = documented.split("## Visible text").next().unwrap_or_default();
        let rows = ranges.lines().filter(|line| line.starts_with("| ")).count();
        assert_eq!(rows, TABLE.len() + 1, "one header, and each range once");
    }
}
