//! A view that is retired, and one that is brought back: what is recorded of both, and when either may be.
//!
//! Retiring takes nothing away here: it settles that nobody is led to the view any more, so that its tables can go. Only
//! the legacy view can be retired; somebody has to answer. Order of this file: events, commands, decide.

use serde::{Deserialize, Serialize};

use super::{RolloutPercentage, Routing, RoutingEvent, RoutingRejection, require_reason};
use crate::vocabulary::ReadModel;

/// A place in the log as two columns hold it: that of the commit and that of the event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogPlace {
    /// Place of the commit.
    pub commit: i64,
    /// Place of the event.
    pub prepare: i64,
}

/// A difference that both views declare, and how many reservations show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// Which, such as `period_without_time`.
    pub kind: Box<str>,
    /// How many.
    pub reservations: u64,
}

/// A view was retired: nobody is led to it, and only the other rule set judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRetired {
    /// Which.
    pub model: ReadModel,
    /// Number of the generation that served last.
    pub generation: i32,
    /// Where that was compared with the other view, and found to say the same.
    pub position: LogPlace,
    /// Its reservations there.
    pub reservations: u64,
    /// Digest of its facts there, in hexadecimal.
    pub digest: Box<str>,
    /// Version of the rules by which rows were reduced to facts.
    pub rules_version: u32,
    /// What both views cannot say alike.
    pub declared: Vec<Declared>,
    /// Why.
    pub reason: Box<str>,
}

/// A view that was retired is there again, built from the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRestored {
    /// Which.
    pub model: ReadModel,
    /// Number of its new generation.
    pub generation: i32,
    /// Where that was compared with the other view, and found to say the same.
    pub position: LogPlace,
    /// Digest of its facts there, in hexadecimal.
    pub digest: Box<str>,
    /// Why, where somebody said so.
    pub reason: Option<Box<str>>,
}

impl Routing {
    /// Whether a view is retired.
    pub fn is_retired(&self, model: ReadModel) -> bool {
        self.retired.as_ref().is_some_and(|retired| retired.model == model)
    }

    /// The views that can serve.
    pub fn in_use(&self) -> impl Iterator<Item = ReadModel> + use<'_> {
        ReadModel::ALL.into_iter().filter(|model| !self.is_retired(*model))
    }

    /// Whether nobody is led to a view, so that it may be retired; if not, the fact that stands in the way.
    pub fn check_unread(&self, model: ReadModel) -> Result<(), RoutingRejection> {
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
        wanted: ViewRetired,
    ) -> Result<Option<RoutingEvent>, RoutingRejection> {
        require_reason(&wanted.reason)?;
        if self.is_retired(wanted.model) {
            return Ok(None);
        }
        self.check_unread(wanted.model)?;
        Ok(Some(RoutingEvent::ViewRetired(wanted)))
    }

    pub(super) fn decide_restoration(&self, wanted: ViewRestored) -> Option<RoutingEvent> {
        self.is_retired(wanted.model).then_some(RoutingEvent::ViewRestored(wanted))
    }

    /// Refuses what would lead somebody to a view that is retired.
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
        DynamicShareSet { share: RolloutPercentage::percent(percent).unwrap(), reason: "go".into() }
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
    fn a_view_that_nobody_is_led_to_is_retired_once_and_restored_once() {
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
    fn a_view_that_somebody_is_led_to_is_not_retired() {
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
    fn the_dynamic_view_stays_and_a_retirement_needs_a_reason() {
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
    fn nothing_leads_to_a_retired_view_until_it_is_restored() {
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

    /// No log holds this: what was decided before a retirement cannot follow it. A fold that is total is right all the same.
    #[test]
    fn a_retired_view_is_chosen_for_nobody_whatever_else_was_recorded() {
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
