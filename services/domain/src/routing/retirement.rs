//! Retiring and restoring a view.
//!
//! Nothing is deleted here: the event records that no read goes to the view any more, so that its tables can be dropped.
//! Only the legacy view can be retired, because one view has to answer. Order of this file: events, commands, decide.

use serde::{Deserialize, Serialize};

use super::{RolloutPercentage, Routing, RoutingEvent, RoutingRejection, check_optional, require_reason};
use crate::vocabulary::ReadModel;

/// A position in the log as two columns store it. The PostgreSQL log uses the same number for both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPlace {
    /// Position of the transaction.
    pub commit: i64,
    /// Position of the event.
    pub prepare: i64,
}

/// A declared difference between the views, with the number of affected reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The name of the difference, such as `period_without_time`.
    pub kind: Box<str>,
    pub reservations: u64,
}

/// A view was retired: it answers no reads, and its rule set decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRetired {
    pub model: ReadModel,
    /// Number of its last live generation.
    pub generation: i32,
    /// The position at which it was equal to the other view.
    pub position: LogPlace,
    /// Number of its reservations at that position.
    pub reservations: u64,
    /// Digest of its canonical reservations at that position, in hexadecimal.
    pub digest: Box<str>,
    pub rules_version: u32,
    /// Differences that both views declare.
    pub declared: Vec<Declared>,
    pub reason: Box<str>,
}

/// A retired view was restored from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRestored {
    pub model: ReadModel,
    /// Number of its new generation.
    pub generation: i32,
    /// The position at which it was equal to the other view.
    pub position: LogPlace,
    /// Digest of its canonical reservations at that position, in hexadecimal.
    pub digest: Box<str>,
    /// The reason, if one was given.
    pub reason: Option<Box<str>>,
}

impl Routing {
    /// Whether a view is retired.
    pub fn is_retired(&self, model: ReadModel) -> bool {
        self.retired.as_ref().is_some_and(|retired| retired.model == model)
    }

    /// The views that are not retired.
    pub fn in_use(&self) -> impl Iterator<Item = ReadModel> + use<'_> {
        ReadModel::ALL.into_iter().filter(|model| !self.is_retired(*model))
    }

    /// Checks that no reads are routed to a view, so that it can be retired.
    pub fn check_unused(&self, model: ReadModel) -> Result<(), RoutingRejection> {
        let forced = self.forced.values().filter(|own| **own == model).count();
        match model {
            ReadModel::Dynamic => Err(RoutingRejection::OnlyLegacyRetires),
            ReadModel::Legacy if self.rolled_back => Err(RoutingRejection::ReadsAreRolledBack),
            ReadModel::Legacy if self.share != RolloutPercentage::ALL => {
                Err(RoutingRejection::ShareIsNotAll(self.share))
            }
            ReadModel::Legacy if forced > 0 => Err(RoutingRejection::SubjectsOnLegacy(forced)),
            ReadModel::Legacy => Ok(()),
        }
    }

    pub(super) fn decide_retirement(
        &self,
        retired: ViewRetired,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        require_reason(&retired.reason)?;
        if self.is_retired(retired.model) {
            return Ok(None);
        }
        self.check_unused(retired.model)?;
        Ok(Some(RoutingEvent::ViewRetired(retired)))
    }

    pub(super) fn decide_restoration(
        &self,
        restored: ViewRestored,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        check_optional("reason", restored.reason.as_deref())?;
        Ok(self.is_retired(restored.model).then_some(RoutingEvent::ViewRestored(restored)))
    }

    /// Rejects a change that would route reads to a retired view.
    pub(super) fn check_in_use(&self, model: ReadModel) -> Result<(), RoutingRejection> {
        if self.is_retired(model) { Err(RoutingRejection::LegacyRetired) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        DynamicShareSet, ReadsRolledBack, RoutedSubject, RoutingCommand, RoutingReason, SubjectForced,
        SubjectReleased,
    };
    use super::*;

    const PLACE: LogPlace = LogPlace { commit: 41, prepare: 41 };

    fn retired() -> ViewRetired {
        ViewRetired {
            model: ReadModel::Legacy,
            generation: 3,
            position: PLACE,
            reservations: 12,
            digest: "00ff".into(),
            rules_version: 1,
            declared: vec![Declared { kind: "period_without_time".into(), reservations: 2 }],
            reason: "nobody reads it".into(),
        }
    }

    fn restored() -> ViewRestored {
        ViewRestored {
            model: ReadModel::Legacy,
            generation: 4,
            position: PLACE,
            digest: "00ff".into(),
            reason: None,
        }
    }

    fn share(percent: f64) -> DynamicShareSet {
        DynamicShareSet { share: RolloutPercentage::from_percent(percent).unwrap(), reason: "go".into() }
    }

    fn forced(model: ReadModel) -> SubjectForced {
        SubjectForced { subject: RoutedSubject::client("tester"), model, reason: "test".into() }
    }

    fn rolled_back() -> ReadsRolledBack {
        ReadsRolledBack { reason: "errors".into() }
    }

    fn given(events: impl IntoIterator<Item = RoutingEvent>) -> Routing {
        let mut routing = Routing::default();
        events.into_iter().for_each(|event| routing.evolve(&event));
        routing
    }

    fn all_dynamic() -> RoutingEvent {
        RoutingEvent::DynamicShareSet(share(100.0))
    }

    #[test]
    fn an_unused_view_is_retired_once_and_restored_once() {
        let mut routing = given([all_dynamic()]);
        let retire = RoutingCommand::RetireView(retired());
        assert_eq!(routing.decide(retire.clone()), Ok(vec![RoutingEvent::ViewRetired(retired())]));
        routing.evolve(&RoutingEvent::ViewRetired(retired()));
        assert_eq!(routing.decide(retire), Ok(vec![]));
        let restore = RoutingCommand::RestoreView(restored());
        assert_eq!(routing.decide(restore.clone()), Ok(vec![RoutingEvent::ViewRestored(restored())]));
        routing.evolve(&RoutingEvent::ViewRestored(restored()));
        assert_eq!(routing, given([all_dynamic()]));
        assert_eq!(routing.decide(restore), Ok(vec![]));
    }

    #[test]
    fn a_view_that_still_answers_reads_cannot_be_retired() {
        let forced_back = RoutingEvent::SubjectForced(forced(ReadModel::Legacy));
        let released = SubjectReleased { subject: RoutedSubject::client("tester"), reason: "done".into() };
        let quarter = share(25.0);
        let cases = [
            (vec![], RoutingRejection::ShareIsNotAll(RolloutPercentage::NONE)),
            (
                vec![RoutingEvent::DynamicShareSet(quarter.clone())],
                RoutingRejection::ShareIsNotAll(quarter.share),
            ),
            (
                vec![all_dynamic(), RoutingEvent::ReadsRolledBack(rolled_back())],
                RoutingRejection::ReadsAreRolledBack,
            ),
            (vec![all_dynamic(), forced_back.clone()], RoutingRejection::SubjectsOnLegacy(1)),
        ];
        for (events, rejection) in cases {
            let refused = given(events).decide(RoutingCommand::RetireView(retired()));
            assert_eq!(refused, Err(rejection));
            assert!(rejection.to_string().contains("daybook reads"), "{rejection}");
        }
        let on_dynamic = RoutingEvent::SubjectForced(forced(ReadModel::Dynamic));
        for events in [
            vec![all_dynamic(), on_dynamic],
            vec![all_dynamic(), forced_back, RoutingEvent::SubjectReleased(released)],
        ] {
            assert!(given(events).decide(RoutingCommand::RetireView(retired())).is_ok());
        }
    }

    #[test]
    fn the_dynamic_view_cannot_be_retired_and_a_retirement_needs_a_reason() {
        let dynamic = ViewRetired { model: ReadModel::Dynamic, ..retired() };
        let silent = ViewRetired { reason: " ".into(), ..retired() };
        for (wanted, rejection) in
            [(dynamic, RoutingRejection::OnlyLegacyRetires), (silent, RoutingRejection::ReasonMissing)]
        {
            let refused = given([all_dynamic()]).decide(RoutingCommand::RetireView(wanted));
            assert_eq!(refused, Err(rejection));
        }
    }

    #[test]
    fn no_change_routes_reads_to_a_retired_view_until_it_is_restored() {
        let mut routing = given([all_dynamic(), RoutingEvent::ViewRetired(retired())]);
        let ways_back = [
            RoutingCommand::SetDynamicShare(share(99.99)),
            RoutingCommand::SetDynamicShare(share(0.0)),
            RoutingCommand::RollBackReads(rolled_back()),
            RoutingCommand::ForceSubject(forced(ReadModel::Legacy)),
        ];
        for way in ways_back.clone() {
            assert_eq!(routing.decide(way), Err(RoutingRejection::LegacyRetired));
        }
        assert!(RoutingRejection::LegacyRetired.to_string().contains("daybook projection restore legacy"));
        for harmless in [
            RoutingCommand::SetDynamicShare(share(100.0)),
            RoutingCommand::ForceSubject(forced(ReadModel::Dynamic)),
        ] {
            assert!(routing.decide(harmless).is_ok());
        }
        routing.evolve(&RoutingEvent::ViewRestored(restored()));
        for way in ways_back {
            assert!(routing.decide(way).is_ok_and(|events| events.len() <= 1));
        }
    }

    /// No log has this order of events, because `decide` rejects them after a retirement. `evolve` has to be correct anyway.
    #[test]
    fn a_retired_view_is_never_chosen_whatever_events_follow() {
        let tester = RoutedSubject::client("tester");
        let routing = given([
            RoutingEvent::ViewRetired(retired()),
            RoutingEvent::SubjectForced(forced(ReadModel::Legacy)),
            RoutingEvent::ReadsRolledBack(rolled_back()),
        ]);
        for subject in [None, Some(&tester)] {
            assert_eq!(routing.choose(subject), (ReadModel::Dynamic, RoutingReason::Retired));
        }
        assert_eq!(routing.in_use().collect::<Vec<_>>(), [ReadModel::Dynamic]);
    }
}
