//! The cursor of a list: the last row of a page and the position at which it was read. Clients send it back as it is.
//!
//! It holds the values that order the list, which never change, so that it continues at the same row in either view.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use daybook_domain::{ReservationId, value};
use daybook_event_log::Position;
use daybook_projections::query::RowKey;

/// Longest cursor.
const MAX_LENGTH: usize = 300;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cursor {
    /// The number of the page, for display.
    pub(super) page: i64,
    /// The position of the page before.
    pub(super) position: Position,
    /// The last row of the page before.
    pub(super) after: RowKey,
}

impl Cursor {
    pub(super) fn to_text(&self) -> String {
        let RowKey { date, created_at, id } = &self.after;
        let created_at = created_at.and_utc().timestamp_micros();
        URL_SAFE_NO_PAD.encode(format!("{}|{}|{date}|{created_at}|{id}", self.page, self.position))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(Some(text).filter(|text| text.len() <= MAX_LENGTH)?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.split('|');
        let cursor = Self {
            page: parts.next()?.parse().ok().filter(|page| *page > 0)?,
            position: parts.next()?.parse().ok()?,
            after: RowKey {
                date: parts.next()?.parse().ok()?,
                created_at: DateTime::from_timestamp_micros(parts.next()?.parse().ok()?)?.naive_utc(),
                id: ReservationId::parse(parts.next()?).ok()?,
            },
        };
        let days = [cursor.after.date, cursor.after.created_at.date()];
        (parts.next().is_none() && days.iter().all(|day| value::CLINIC_DAYS.contains(*day))).then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_other_texts_are_refused() {
        let after = RowKey {
            date: "2026-12-01".parse().unwrap(),
            created_at: "2026-11-20T01:02:03.004".parse().unwrap(),
            id: ReservationId::parse("a-1").unwrap(),
        };
        let cursor = Cursor { page: 2, position: Position::START, after };
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor.clone()));
        let long = "a".repeat(MAX_LENGTH + 1);
        for wrong in ["", "!", "MQ", &cursor.to_text()[1..], &format!("{}!", cursor.to_text()), &long] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
        // Times that no database can hold, or no clinic has.
        for wrong in [
            "1|1|-4714-01-01|0|a",
            "1|1|-262143-01-01|0|a",
            "1|1|2026-01-01|-8334601228800000000|a",
            "1|0|2026-01-01|-211813488000000001|a",
            "1|1|2200-01-01|0|a",
        ] {
            assert_eq!(Cursor::parse(&URL_SAFE_NO_PAD.encode(wrong)), None, "{wrong}");
        }
    }
}
