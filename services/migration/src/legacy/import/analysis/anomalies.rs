//! What is odd in a source, counted, and where it stands. Never what stands there.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::hours::Hours;
use daybook_domain::schedule::SlotAssignment;
use serde::Serialize;

use crate::legacy::import::report::{Place, Reason, Reject};

/// Places that are listed for one anomaly; more are only counted.
pub const MAX_PLACES: usize = 20;

/// Something odd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    /// What.
    pub what: AnomalyKind,
    /// In which column; none where it is the row as a whole.
    pub field: Option<&'static str>,
    /// Whether a run would leave the row out for it.
    pub is_rejected: bool,
    /// Rows that are so.
    pub rows: u64,
    /// Where they stand; at most [`MAX_PLACES`].
    pub places: Vec<Place>,
}

/// What may be odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnomalyKind {
    /// No text of a time. Some programs write an empty text so too.
    NullTime,
    /// A text of a time in which nothing is written.
    EmptyTime,
    /// A day of the week on which the clinic has no hours.
    ClosedDay,
    /// A time in none of the clinic's stretches of that day.
    OutsideHours,
    /// What makes a run leave the row out.
    #[serde(untagged)]
    Rejected(Reason),
}

impl std::fmt::Display for AnomalyKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NullTime => "there is no text of a time",
            Self::EmptyTime => "the text of a time is blank",
            Self::ClosedDay => "the clinic has no hours on that day",
            Self::OutsideHours => "the time is outside the clinic's hours",
            Self::Rejected(reason) => return reason.fmt(formatter),
        })
    }
}

/// Anomalies as they are counted.
#[derive(Default)]
pub(super) struct Anomalies(BTreeMap<(AnomalyKind, Option<&'static str>), AnomalyCount>);

#[derive(Default)]
struct AnomalyCount {
    rows: u64,
    places: Vec<Place>,
}

impl Anomalies {
    pub(super) fn look_at_text(&mut self, typed: Option<&str>, place: &Place) {
        match typed {
            None => self.count(AnomalyKind::NullTime, Some("preferredTime"), place),
            Some(text) if text.trim().is_empty() => {
                self.count(AnomalyKind::EmptyTime, Some("preferredTime"), place);
            }
            Some(_) => {}
        }
    }

    pub(super) fn look_at_calendar(
        &mut self,
        hours: &Hours,
        date: NaiveDate,
        placement: &SlotAssignment,
        place: &Place,
    ) {
        if hours.on(date).next().is_none() {
            return self.count(AnomalyKind::ClosedDay, Some("preferredDate"), place);
        }
        if placement.start().is_some_and(|start| !hours.on(date).any(|slot| slot.span.contains(start))) {
            self.count(AnomalyKind::OutsideHours, Some("preferredTime"), place);
        }
    }

    pub(super) fn look_at_reject(&mut self, reject: &Reject) {
        self.count(AnomalyKind::Rejected(reject.reason), reject.field, &reject.place);
    }

    fn count(&mut self, what: AnomalyKind, field: Option<&'static str>, place: &Place) {
        let found = self.0.entry((what, field)).or_default();
        found.rows += 1;
        if found.places.len() < MAX_PLACES {
            found.places.push(place.clone());
        }
    }

    pub(super) fn into_list(self) -> Vec<Anomaly> {
        let anomaly = |((what, field), found): ((AnomalyKind, Option<&'static str>), AnomalyCount)| Anomaly {
            what,
            field,
            is_rejected: matches!(what, AnomalyKind::Rejected(_)),
            rows: found.rows,
            places: found.places,
        };
        self.0.into_iter().map(anomaly).collect()
    }
}
