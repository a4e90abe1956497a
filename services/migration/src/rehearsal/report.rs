//! The report of a rehearsal: ids, counts, digests and masked differences. It must never hold patient data.

use std::collections::BTreeMap;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Gate, Stage};
use serde::Serialize;

use super::contents::ViewContents;
use super::traffic::Traffic;

/// The report of a rehearsal.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether no stage and no rollback lost a row, failed a request or found a difference.
    pub passed: bool,
    /// Number of reservations in the copied log.
    pub reservations: u64,
    /// Number of bookings during the rehearsal.
    pub booked: u64,
    /// Number of reads in each stage and in each rollback.
    pub reads: u64,
    /// Number of concurrent readers.
    pub readers: usize,
    /// Duration of the restoration of the legacy view, if it was retired in the copied log.
    pub brought_back_seconds: Option<f64>,
    pub stages: Vec<StageReport>,
    /// Total wait for other processes and their readers that a real retirement adds.
    pub waits_left_out_seconds: f64,
    pub seconds: f64,
    /// The error that stopped it; none if it completed.
    pub stopped: Option<String>,
}

impl Report {
    pub(super) fn is_clean(&self) -> bool {
        self.stopped.is_none()
            && self.stages.len() == Stage::ALL.len()
            && self.stages.iter().all(StageReport::is_clean)
    }
}

/// The report of a stage.
#[derive(Debug, Serialize)]
pub struct StageReport {
    pub stage: Stage,
    /// Gates that were not met, without soak times.
    pub shut: Vec<Gate>,
    /// Duration until the stage was in force; for the last stage, until the legacy view was dropped.
    pub entered_seconds: f64,
    pub traffic: Traffic,
    /// The contents of the views at its end.
    pub held: Option<ViewContents>,
    /// The rollback from it; none for the first stage.
    pub back: Option<WayBack>,
}

impl StageReport {
    pub(super) fn new(stage: Stage, shut: Vec<Gate>, took: Duration) -> Self {
        let entered_seconds = took.as_secs_f64();
        Self { stage, shut, entered_seconds, traffic: Traffic::default(), held: None, back: None }
    }

    /// Whether the stage and its rollback lost no row, failed no request and found no difference.
    pub fn is_clean(&self) -> bool {
        let back_is_clean = self.back.as_ref().map_or(self.stage == Stage::Legacy, WayBack::is_clean);
        self.traffic.is_clean() && self.held.as_ref().is_some_and(ViewContents::is_clean) && back_is_clean
    }
}

/// The report of a rollback to the first stage.
#[derive(Debug, Clone, Serialize)]
pub struct WayBack {
    /// Duration of the restoration of the legacy view, if it was retired.
    pub restored_seconds: Option<f64>,
    /// Duration from the command until it was in force, under traffic.
    pub in_force_seconds: f64,
    /// Number of reservations that the legacy view lacks afterwards.
    pub lost: u64,
    /// Number of reservations that it shows only in part, by kind.
    pub shown_in_part: BTreeMap<&'static str, u64>,
    pub traffic: Traffic,
    /// The contents of the views after it.
    pub held: ViewContents,
}

impl WayBack {
    pub(super) fn new(
        restored: Option<Duration>,
        in_force: Duration,
        traffic: Traffic,
        held: ViewContents,
    ) -> Self {
        Self {
            restored_seconds: restored.map(|duration| duration.as_secs_f64()),
            in_force_seconds: in_force.as_secs_f64(),
            lost: held.lost(ReadModel::Legacy).unwrap_or(held.expected),
            shown_in_part: held.declared.clone(),
            traffic,
            held,
        }
    }

    /// Whether it lost no row, failed no request and found no difference.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.traffic.is_clean() && self.held.is_clean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Report {
        let stage = |stage| {
            let mut report = StageReport::new(stage, vec![], Duration::ZERO);
            report.held = Some(ViewContents::equal(7));
            let back = || WayBack::new(None, Duration::ZERO, Traffic::default(), ViewContents::equal(7));
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
        fails("no rollback", |report| report.stages[step].back = None);
        fails("views that were not counted", |report| report.stages[step].held = None);
        fails("a row that is missing", |report| {
            report.stages[step].held = Some(ViewContents::equal(6).expecting(7))
        });
        fails("a row that is lost in the rollback", |report| {
            let held = ViewContents::equal(6).expecting(7);
            let back = WayBack::new(None, Duration::ZERO, Traffic::default(), held);
            assert_eq!(back.lost, 1);
            report.stages[step].back = Some(back);
        });
    }
}
