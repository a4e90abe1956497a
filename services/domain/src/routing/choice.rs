//! The choice of a view for a subject: percentages, subjects and buckets.
//!
//! A bucket depends only on the rollout's salt and the subject, so that all processes choose the same view, also after a
//! restart. Nothing here may draw a random number.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Routing;
use crate::vocabulary::ReadModel;

/// Number of buckets: one for each hundredth of a percent.
pub const BUCKETS: u16 = 10_000;

/// The percentage of subjects that the dynamic view answers, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct RolloutPercentage(pub(super) u16);

/// The number is not a valid percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a percentage is a number from 0 to 100 in steps of 0.01")]
pub struct InvalidRolloutPercentage;

impl RolloutPercentage {
    /// 0 %: nobody.
    pub const NONE: Self = Self(0);
    /// 100 %: everybody.
    pub const ALL: Self = Self(BUCKETS);

    /// Converts from percent, with at most two decimals. Whatever a percentage cannot hold exactly is refused, so that
    /// nobody gets another one than was asked for.
    pub fn from_percent(percent: f64) -> Result<Self, InvalidRolloutPercentage> {
        let hundredths = (percent * 100.0).round();
        if !(0.0..=f64::from(BUCKETS)).contains(&hundredths) {
            return Err(InvalidRolloutPercentage);
        }
        let share = Self(hundredths as u16);
        if share.as_percent() == percent { Ok(share) } else { Err(InvalidRolloutPercentage) }
    }

    /// Converts to percent.
    pub fn as_percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl FromStr for RolloutPercentage {
    type Err = InvalidRolloutPercentage;

    /// Parses a percentage such as `25` or `12.5 %`.
    fn from_str(text: &str) -> Result<Self, InvalidRolloutPercentage> {
        let number = text.trim().trim_end_matches('%').trim_end();
        Self::from_percent(number.parse().map_err(|_| InvalidRolloutPercentage)?)
    }
}

impl TryFrom<u16> for RolloutPercentage {
    type Error = InvalidRolloutPercentage;

    fn try_from(hundredths: u16) -> Result<Self, InvalidRolloutPercentage> {
        if hundredths <= BUCKETS { Ok(Self(hundredths)) } else { Err(InvalidRolloutPercentage) }
    }
}

impl From<RolloutPercentage> for u16 {
    fn from(share: RolloutPercentage) -> Self {
        share.0
    }
}

/// The subject of a routing decision: a patient, or a client if the patient is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoutedSubject(Box<str>);

impl RoutedSubject {
    /// Maximum length of a client's id; longer ids are cut.
    pub const MAX_LENGTH: usize = 128;

    /// A patient.
    pub fn patient(subject: crate::SubjectId) -> Self {
        Self(format!("patient:{subject}").into())
    }

    /// A client or a member of staff, by the id that it sends.
    pub fn client(id: &str) -> Self {
        Self(format!("client:{}", id.chars().take(Self::MAX_LENGTH).collect::<String>()).into())
    }

    /// Parses the form of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        let id = text.strip_prefix("patient:").or_else(|| text.strip_prefix("client:"))?;
        (!id.is_empty() && id.len() <= Self::MAX_LENGTH).then(|| Self(text.into()))
    }

    /// `patient:` or `client:`, followed by the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a view was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoutingReason {
    /// The other view is retired.
    Retired,
    /// All reads are rolled back.
    RolledBack,
    /// The subject is on the forced list.
    Forced,
    /// The subject's bucket is below the percentage, or not.
    Percentage,
    /// The request has no subject. The legacy view answers unless the percentage is 100.
    NoSubject,
}

impl Routing {
    /// Chooses the view for a subject and returns the reason.
    pub fn choose(&self, subject: Option<&RoutedSubject>) -> (ReadModel, RoutingReason) {
        if self.retired.is_some() {
            return (ReadModel::Dynamic, RoutingReason::Retired);
        }
        if self.rolled_back {
            return (ReadModel::Legacy, RoutingReason::RolledBack);
        }
        let Some(subject) = subject else {
            return (self.everybody().unwrap_or(ReadModel::Legacy), RoutingReason::NoSubject);
        };
        if let Some(model) = self.forced.get(subject) {
            return (*model, RoutingReason::Forced);
        }
        let dynamic =
            self.everybody().map_or_else(|| self.bucket(subject) < self.share.0, |m| m == ReadModel::Dynamic);
        (if dynamic { ReadModel::Dynamic } else { ReadModel::Legacy }, RoutingReason::Percentage)
    }

    /// The view of all subjects, if the percentage is 0 or 100.
    fn everybody(&self) -> Option<ReadModel> {
        match self.share {
            RolloutPercentage::ALL => Some(ReadModel::Dynamic),
            RolloutPercentage::NONE => Some(ReadModel::Legacy),
            RolloutPercentage(_) => None,
        }
    }

    fn bucket(&self, subject: &RoutedSubject) -> u16 {
        let salt = self.salt.as_deref().unwrap_or_default();
        let hash: [u8; 32] = Sha256::new()
            .chain_update(salt)
            .chain_update([0])
            .chain_update(subject.as_str())
            .finalize()
            .into();
        let number = hash.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        (number % u64::from(BUCKETS)) as u16
    }

    /// Whether another view answers a subject under the routing `after`.
    pub fn reroutes(&self, after: &Self, subject: &RoutedSubject) -> bool {
        self.choose(Some(subject)).0 != after.choose(Some(subject)).0
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ReadsRolledBack, RoutingEvent, Stage};
    use super::*;

    const SUBJECTS: u32 = 100_000;

    fn routing(salt: &str, percent: f64) -> Routing {
        Routing {
            salt: Some(salt.into()),
            share: RolloutPercentage::from_percent(percent).unwrap(),
            ..Routing::default()
        }
    }

    fn client(number: u32) -> RoutedSubject {
        RoutedSubject::client(&format!("client-{number}"))
    }

    /// Ids of patients are hashes. These are distributed as evenly and are the same in every run.
    fn patient(number: u32) -> RoutedSubject {
        let hash: [u8; 32] = Sha256::digest(number.to_be_bytes()).into();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        RoutedSubject::patient(crate::SubjectId::from_bytes(id))
    }

    fn dynamic_subjects(routing: &Routing, subject: fn(u32) -> RoutedSubject) -> Vec<u32> {
        let is_dynamic = |n: &u32| routing.choose(Some(&subject(*n))).0 == ReadModel::Dynamic;
        (0..SUBJECTS).filter(is_dynamic).collect()
    }

    #[test]
    fn of_100_000_subjects_each_percentage_gets_its_part_and_a_larger_one_only_adds_subjects() {
        for (salt, subject) in [("salt", client as fn(u32) -> RoutedSubject), ("0f3a", patient)] {
            let mut fewer: Vec<u32> = vec![];
            for percent in [0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 99.0, 100.0] {
                let more = dynamic_subjects(&routing(salt, percent), subject);
                let part = more.len() as f64 * 100.0 / f64::from(SUBJECTS);
                assert!((part - percent).abs() <= 0.5, "{part} % at {percent} %");
                assert!(fewer.iter().all(|n| more.binary_search(n).is_ok()), "up to {percent} %");
                fewer = more;
            }
        }
    }

    #[test]
    fn a_stage_routes_the_same_subjects_as_its_percentage_set_by_hand() {
        for stage in Stage::ALL {
            let by_hand = routing("salt", stage.share().as_percent());
            let staged = by_hand.in_stage(stage);
            let moved = (0..1_000).map(client).filter(|subject| by_hand.reroutes(&staged, subject));
            assert_eq!(moved.count(), 0, "{stage}");
        }
    }

    #[test]
    fn a_change_reroutes_the_subjects_between_both_percentages_and_no_forced_subject() {
        let (five, quarter) = (routing("salt", 5.0), routing("salt", 25.0));
        let moved: Vec<u32> = (0..1_000).filter(|n| five.reroutes(&quarter, &client(*n))).collect();
        let back: Vec<u32> = (0..1_000).filter(|n| quarter.reroutes(&five, &client(*n))).collect();
        assert!((150..250).contains(&moved.len()), "{}", moved.len());
        assert_eq!(moved, back);
        let forced = |mut routing: Routing| {
            moved.iter().for_each(|n| {
                routing.forced.insert(client(*n), ReadModel::Legacy);
            });
            routing
        };
        let (five, quarter) = (forced(five), forced(quarter));
        assert!((0..1_000).all(|n| !five.reroutes(&quarter, &client(n))));
    }

    #[test]
    fn a_percentage_is_parsed_with_or_without_a_sign() {
        assert_eq!("25".parse().map(RolloutPercentage::as_percent), Ok(25.0));
        assert_eq!(" 12.5 %".parse().map(RolloutPercentage::as_percent), Ok(12.5));
        for wrong in ["", "all", "-1", "101", "0.001", "NaN", "inf", "5 5"] {
            assert_eq!(wrong.parse::<RolloutPercentage>(), Err(InvalidRolloutPercentage), "{wrong}");
        }
    }

    #[test]
    fn another_salt_selects_other_subjects() {
        let (one, other) = (routing("salt", 25.0), routing("pepper", 25.0));
        assert_ne!(dynamic_subjects(&one, client), dynamic_subjects(&other, client));
    }

    #[test]
    fn a_rollback_has_priority_over_the_forced_list_and_that_over_the_percentage() {
        let tester = RoutedSubject::client("tester");
        let mut routing = routing("salt", 0.0);
        routing.forced.insert(tester.clone(), ReadModel::Dynamic);
        assert_eq!(routing.choose(Some(&tester)), (ReadModel::Dynamic, RoutingReason::Forced));
        routing.evolve(&RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "errors".into() }));
        assert_eq!(routing.choose(Some(&tester)), (ReadModel::Legacy, RoutingReason::RolledBack));
    }
}
