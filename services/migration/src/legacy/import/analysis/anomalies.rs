//! Anomalies of a source, with counts and places. Never contains a field's text.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::hours::Hours;
use daybook_domain::schedule::SlotAssignment;
use serde::Serialize;

use crate::legacy::import::reject::{Place, Reason, Reject};

/// Places that are listed for one anomaly. Further ones are only counted.
pub const MAX_PLACES: usize = 20;

/// An anomaly and the rows that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anomaly {
    pub what: AnomalyKind,
    /// `None` if it concerns the whole row.
    pub field: Option<&'static str>,
    /// Whether a run would reject the row.
    pub is_rejected: bool,
    pub rows: u64,
    /// At most [`MAX_PLACES`].
    pub places: Vec<Place>,
}

/// The kind of an anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AnomalyKind {
    /// Some programs write empty texts as NULL too.
    NullTime,
    EmptyTime,
    ClosedDay,
    OutsideHours,
    /// More bookings than seats on a day to come.
    SeatTakenTwice,
    /// The row is imported, but does not count for the `since` of the next run.
    AfterExport,
    #[serde(untagged)]
    Rejected(Reason),
}

impl std::fmt::Display for AnomalyKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NullTime => "no requested time was given",
            Self::EmptyTime => "the requested time is blank",
            Self::ClosedDay => "the clinic is closed on that weekday",
            Self::OutsideHours => "the time is outside the clinic's hours",
            Self::SeatTakenTwice => "more bookings than seats at a time to come",
            Self::AfterExport => "the moment lies after the export",
            Self::Rejected(reason) => return reason.fmt(formatter),
        })
    }
}

/// Counts anomalies.
#[derive(Default)]
pub(super) struct Anomalies(BTreeMap<(AnomalyKind, Option<&'static str>), AnomalyCount>);

#[derive(Default)]
struct AnomalyCount {
    rows: u64,
    places: Vec<Place>,
}

impl Anomalies {
    pub(super) fn check_text(&mut self, text: Option<&str>, place: &Place) {
        match text {
            None => self.count(AnomalyKind::NullTime, Some("preferredTime"), place),
            Some(text) if text.trim().is_empty() => {
                self.count(AnomalyKind::EmptyTime, Some("preferredTime"), place);
            }
            Some(_) => {}
        }
    }

    pub(super) fn check_hours(
        &mut self,
        hours: &Hours,
        date: NaiveDate,
        slot: &SlotAssignment,
        place: &Place,
    ) {
        if hours.on(date).next().is_none() {
            return self.count(AnomalyKind::ClosedDay, Some("preferredDate"), place);
        }
        if slot.start().is_some_and(|start| !hours.on(date).any(|open| open.span.contains(start))) {
            self.count(AnomalyKind::OutsideHours, Some("preferredTime"), place);
        }
    }

    pub(super) fn add_reject(&mut self, reject: &Reject) {
        self.count(AnomalyKind::Rejected(reject.reason), reject.field, &reject.place);
    }

    pub(super) fn count(&mut self, what: AnomalyKind, field: Option<&'static str>, place: &Place) {
        let counted = self.0.entry((what, field)).or_default();
        counted.rows += 1;
        if counted.places.len() < MAX_PLACES {
            counted.places.push(place.clone());
        }
    }

    pub(super) fn into_list(self) -> Vec<Anomaly> {
        let anomaly =
            |((what, field), counted): ((AnomalyKind, Option<&'static str>), AnomalyCount)| Anomaly {
                what,
                field,
                is_rejected: matches!(what, AnomalyKind::Rejected(_)),
                rows: counted.rows,
                places: counted.places,
            };
        self.0.into_iter().map(anomaly).collect()
    }
}
