//! What a rehearsal came to. It holds nothing of a patient: ids, counts, digests, and values as comparisons give them out.

use std::collections::BTreeMap;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Gate, Stage};
use serde::Serialize;

use super::contents::ViewContents;
use super::traffic::Traffic;

/// The whole.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether nothing was lost, nothing failed and nothing differed, in any stage and on any way back.
    pub passed: bool,
    /// Reservations of the copied log.
    pub reservations: u64,
    /// Bookings that were made during the rehearsal.
    pub booked: u64,
    /// Reads in each stage and on each way back.
    pub reads: u64,
    /// Readers at the same time.
    pub readers: usize,
    /// How long it took to build the legacy view again, where the log was copied after cleanup.
    pub brought_back_seconds: Option<f64>,
    /// Stage by stage.
    pub stages: Vec<StageReport>,
    /// Waits for other processes and for their last readers that a retirement has, and that a rehearsal leaves out.
    pub waits_left_out_seconds: f64,
    /// All of it.
    pub seconds: f64,
    /// What it could not go on from; none where it came to its end.
    pub stopped: Option<String>,
}

impl Report {
    /// Whether it came to its end, and every step of it is clean.
    pub(super) fn is_clean(&self) -> bool {
        self.stopped.is_none()
            && self.stages.len() == Stage::ALL.len()
            && self.stages.iter().all(StageReport::is_clean)
    }
}

/// A stage.
#[derive(Debug, Serialize)]
pub struct StageReport {
    /// Which.
    pub stage: Stage,
    /// Gates that would have kept it shut, without the time that has to pass.
    pub shut: Vec<Gate>,
    /// How long it took to enter it: until it was in force; for the last one until the legacy view was gone.
    pub entered_seconds: f64,
    /// Requests in it.
    pub traffic: Traffic,
    /// What the views held at its end.
    pub held: Option<ViewContents>,
    /// The way back from it; none from the first.
    pub back: Option<WayBack>,
}

impl StageReport {
    pub(super) fn of(stage: Stage, shut: Vec<Gate>, took: Duration) -> Self {
        let entered_seconds = took.as_secs_f64();
        Self { stage, shut, entered_seconds, traffic: Traffic::default(), held: None, back: None }
    }

    /// Whether nothing was lost, failed or differed in it, and on the way back.
    pub fn is_clean(&self) -> bool {
        let came_back = self.back.as_ref().map_or(self.stage == Stage::Legacy, WayBack::is_clean);
        self.traffic.is_clean() && self.held.as_ref().is_some_and(ViewContents::is_clean) && came_back
    }
}

/// A way back to legacy.
#[derive(Debug, Clone, Serialize)]
pub struct WayBack {
    /// How long it took to build the legacy view again, where it was gone.
    pub restored_seconds: Option<f64>,
    /// From the command until it was in force, while clients went on.
    pub in_force_seconds: f64,
    /// Reservations that the legacy view does not show after it.
    pub lost: u64,
    /// Reservations that it shows and cannot say all of, counted by kind.
    pub shown_in_part: BTreeMap<&'static str, u64>,
    /// Requests meanwhile and after it.
    pub traffic: Traffic,
    /// What the views held at its end.
    pub held: ViewContents,
}

impl WayBack {
    pub(super) fn of(
        restored: Option<Duration>,
        in_force: Duration,
        traffic: Traffic,
        held: ViewContents,
    ) -> Self {
        Self {
            restored_seconds: restored.map(|took| took.as_secs_f64()),
            in_force_seconds: in_force.as_secs_f64(),
            lost: held.lost(ReadModel::Legacy).unwrap_or(held.expected),
            shown_in_part: held.declared.clone(),
            traffic,
            held,
        }
    }

    /// Whether nothing was lost, failed or differed.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.traffic.is_clean() && self.held.is_clean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rehearsal in which nothing went wrong.
    fn clean() -> Report {
        let stage = |stage| {
            let mut report = StageReport::of(stage, vec![], Duration::ZERO);
            report.held = Some(ViewContents::whole(7));
            let back = || WayBack::of(None, Duration::ZERO, Traffic::default(), ViewContents::whole(7));
            report.back = (stage != Stage::Legacy).then(back);
            report
        };
        Report {
            passed: false,
            reservations: 7,
            booked: 0,
            reads: 1,
            readers: 1,
            brought_back_seconds: None,
            stages: Stage::ALL.map(stage).into(),
            waits_left_out_seconds: 0.0,
            seconds: 0.0,
            stopped: None,
        }
    }

    fn fails(what: &str, spoil: impl FnOnce(&mut Report)) {
        let mut report = clean();
        spoil(&mut report);
        assert!(!report.is_clean(), "{what}");
    }

    #[test]
    fn a_rehearsal_passes_only_where_nothing_is_lost_fails_or_differs_in_any_step() {
        assert!(clean().is_clean());
        fails("stopped", |report| report.stopped = Some("the database is gone".to_owned()));
        fails("a stage that was not reached", |report| drop(report.stages.pop()));
        let step = Stage::ALL.len() - 1;
        fails("a failed request", |report| report.stages[step].traffic.failed = 1);
        fails("an answer that lacks something", |report| report.stages[step].traffic.missing = 1);
        fails("an answer that differs", |report| report.stages[step].traffic.mismatched = 1);
        fails("answers that were never compared", |report| report.stages[step].traffic.apart = 1);
        fails("no way back", |report| report.stages[step].back = None);
        fails("views that were not counted", |report| report.stages[step].held = None);
        fails("a row that is missing", |report| {
            report.stages[step].held = Some(ViewContents::whole(6).expecting(7))
        });
        fails("a row that is lost on the way back", |report| {
            let held = ViewContents::whole(6).expecting(7);
            let back = WayBack::of(None, Duration::ZERO, Traffic::default(), held);
            assert_eq!(back.lost, 1);
            report.stages[step].back = Some(back);
        });
    }
}
