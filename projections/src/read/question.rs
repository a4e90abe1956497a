//! What a read asks a view, apart from the generation that answers it: so that the other view can be asked the same.
//!
//! A question holds search terms of staff and must never be logged.

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{ReservationId, SubjectId};

use crate::read::query::ListFilter;

/// A read.
#[derive(Debug, Clone)]
pub enum Question {
    Reservation(ReservationId),
    /// A page of a day's list; see [`Question::list`].
    DayList(ListFilter),
    /// A patient's latest reservations.
    Patient {
        /// All subjects of the patient.
        subjects: Vec<SubjectId>,
        /// Made at this moment or later.
        since: NaiveDateTime,
        /// Maximum number of reservations.
        most: i64,
    },
    /// Bookings, closures, hours and services of some days, from which free times are computed.
    Days {
        from: NaiveDate,
        to: NaiveDate,
    },
}

impl Question {
    /// A page of a list that is short enough to be compared: of one day. The caller leaves out a list by a service that the
    /// legacy view cannot tell from others.
    pub fn list(filter: &ListFilter) -> Option<Self> {
        filter.date.is_some().then(|| Self::DayList(filter.clone()))
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::Period;

    use super::*;

    #[test]
    fn only_lists_of_a_day_are_compared() {
        let day = ListFilter { date: NaiveDate::from_ymd_opt(2026, 12, 1), ..ListFilter::default() };
        let by_period = ListFilter { period: Some(Period::Morning), ..day.clone() };
        let by_service = ListFilter { service_code: Some("SKIN_CARE".to_owned()), ..day.clone() };
        for filter in [&day, &by_period, &by_service] {
            assert!(Question::list(filter).is_some(), "{filter:?}");
        }
        assert!(Question::list(&ListFilter::default()).is_none());
    }
}
