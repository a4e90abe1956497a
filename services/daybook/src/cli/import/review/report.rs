//! The outcome of decisions, one by one. It must never contain a patient's text.

use daybook_domain::ReservationId;
use daybook_event_log::Position;
use daybook_migration::import::{Place, Reject};
use daybook_migration::review::{Decision, Reading, ReviewOutcome, apply_decisions};
use serde::Serialize;

use super::queue::ReviewQueue;
use crate::exit::Exit;
use crate::output::{Align, ProgressBar, Table, grouped};
use crate::wiring::{Backend, operator_now};

pub(super) struct RequestedDecision {
    /// Its line in the file.
    pub(super) place: Option<Place>,
    pub(super) reservation: ReservationId,
    pub(super) decision: Decision,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    applied: u64,
    already_so: u64,
    kept: u64,
    refused: u64,
    decisions: Vec<DecisionResult>,
    position: Option<Position>,
}

#[derive(Debug, Serialize)]
struct DecisionResult {
    /// Its line in the file.
    line: Option<u64>,
    reservation: Option<ReservationId>,
    outcome: Outcome,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Applied,
    AlreadySo,
    Kept,
    Refused,
}

impl Report {
    /// Applies decisions, and waits until the views show them.
    pub(super) async fn apply(
        backend: &Backend,
        waiting: &ReviewQueue,
        given: Vec<RequestedDecision>,
    ) -> anyhow::Result<Self> {
        let ids = given.iter().map(|given| given.reservation.clone()).collect();
        let dates = waiting.dates(ids).await?;
        let mut report = Self::default();
        let (mut readings, mut known) = (Vec::new(), Vec::new());
        for (given, date) in given.into_iter().zip(dates) {
            let RequestedDecision { place, reservation, decision } = given;
            match date {
                Some(page) => {
                    readings.push(Reading { page, reservation: reservation.clone(), decision });
                    known.push((place, reservation));
                }
                None => report.refuse(place, Some(reservation), "the reservation does not exist".to_owned()),
            }
        }
        let (progress_bar, all) = (ProgressBar::new("decisions"), readings.len().max(1) as f64);
        let on_progress = |done: u64| progress_bar.update("deciding", done, Some(done as f64 / all));
        let came = apply_decisions(&backend.commands, readings, &operator_now(), &on_progress).await?;
        for ((place, reservation), came) in known.into_iter().zip(came) {
            report.add(place, reservation, came);
        }
        if let Some(position) = report.position {
            backend.views_at(position).await?;
        }
        report.decisions.sort_by_key(|line| line.line);
        Ok(report)
    }

    /// Adds a line of a file that could not be read.
    pub(super) fn reject(&mut self, reject: Reject) {
        let reason = match reject.field {
            Some(field) => format!("{field}: {}", reject.reason),
            None => reject.reason.to_string(),
        };
        self.refuse(Some(reject.place), None, reason);
        self.decisions.sort_by_key(|line| line.line);
    }

    fn add(&mut self, place: Option<Place>, reservation: ReservationId, came: ReviewOutcome) {
        let outcome = match came {
            ReviewOutcome::Applied(position) => {
                self.applied += 1;
                self.position = self.position.max(Some(position));
                Outcome::Applied
            }
            ReviewOutcome::AlreadySo => {
                self.already_so += 1;
                Outcome::AlreadySo
            }
            ReviewOutcome::Kept => {
                self.kept += 1;
                Outcome::Kept
            }
            ReviewOutcome::Refused(rejection) => {
                return self.refuse(place, Some(reservation), rejection.to_string());
            }
        };
        self.push(place, Some(reservation), outcome, None);
    }

    fn refuse(&mut self, place: Option<Place>, reservation: Option<ReservationId>, reason: String) {
        self.refused += 1;
        self.push(place, reservation, Outcome::Refused, Some(reason));
    }

    fn push(
        &mut self,
        place: Option<Place>,
        reservation: Option<ReservationId>,
        outcome: Outcome,
        reason: Option<String>,
    ) {
        let line = place.and_then(|place| if let Place::Line(line) = place { Some(line) } else { None });
        self.decisions.push(DecisionResult { line, reservation, outcome, reason });
    }

    /// The exit code of a command that applied decisions.
    pub(super) const fn exit(&self) -> Exit {
        if self.refused > 0 || self.decisions.is_empty() { Exit::Failed } else { Exit::Done }
    }

    /// Counts by outcome, then the refused decisions.
    pub(super) fn describe(&self) -> String {
        let mut counts = Table::new(&[("outcome", Align::Left), ("reservations", Align::Right)]);
        let rows = [
            ("decided", self.applied),
            ("decided already", self.already_so),
            ("left in review", self.kept),
            ("refused", self.refused),
        ];
        for (what, reservations) in rows {
            counts.row([what.to_owned(), grouped(reservations)]);
        }
        if self.refused == 0 {
            return counts.to_string();
        }
        let mut refused =
            Table::new(&[("line", Align::Right), ("refused", Align::Left), ("reason", Align::Left)]);
        for line in self.decisions.iter().filter(|line| line.outcome == Outcome::Refused) {
            let number = line.line.map(|line| line.to_string()).unwrap_or_default();
            let id = line.reservation.as_ref().map_or("(not read)", ReservationId::as_str);
            refused.row([number, id.to_owned(), line.reason.clone().unwrap_or_default()]);
        }
        format!(
            "{counts}\n{refused}\nRefused reservations were not changed. A future time has to be within opening hours and have\n\
             a free seat.\n\
             Next: decide again with another time or a half-day"
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::schedule::Rejection;
    use daybook_migration::import::Reason;

    use super::*;

    #[test]
    fn refused_decisions_are_listed_with_line_and_reason_and_fail_the_command() {
        let id = |id: &str| ReservationId::parse(id).unwrap();
        let mut report = Report::default();
        report.add(Some(Place::Line(2)), id("a"), ReviewOutcome::AlreadySo);
        assert_eq!(report.exit(), Exit::Done);
        let taken = ReviewOutcome::Refused(Rejection::SlotTaken { alternatives: vec![] });
        report.add(Some(Place::Line(4)), id("b"), taken);
        let reason = Reason::NotADecision;
        report.reject(Reject::new(Place::Line(3), Some("decision"), reason));
        assert_eq!((report.exit(), report.refused), (Exit::Failed, 2));
        let text = report.describe();
        let listed =
            ["   3  (not read)  decision: the text is not a time", "   4  b           the time is taken"];
        assert!(listed.iter().all(|line| text.contains(line)), "{text}");
    }
}
