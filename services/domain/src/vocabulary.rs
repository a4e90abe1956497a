//! The words of the old system, spelled as its columns and its JSON spell them.
//!
//! These spellings are storage format and contract: they are never renamed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is none of the words of this vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// The words that would have been understood.
    pub expected: Vec<&'static str>,
}

/// Finds the word of a vocabulary that is spelled like `text`.
pub(crate) fn find<T: Copy, const N: usize>(
    all: [T; N],
    spelling: fn(T) -> &'static str,
    text: &str,
) -> Result<T, UnknownWord> {
    all.into_iter()
        .find(|word| spelling(*word) == text)
        .ok_or_else(|| UnknownWord { expected: all.into_iter().map(spelling).collect() })
}

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $word),+ }

        impl $name {
            /// All words, in the old system's order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$word),+];

            /// The word as columns and JSON hold it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),+ }
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                find(Self::ALL, Self::as_str, text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

vocabulary! {
    /// The services that the old system hard-codes in a PostgreSQL enum.
    LegacyService {
        /// 주름/보톡스
        WrinkleBotox = "WRINKLE_BOTOX",
        /// 볼륨/리프팅
        VolumeLifting = "VOLUME_LIFTING",
        /// 피부케어
        SkinCare = "SKIN_CARE",
        /// 제거시술
        RemovalProcedure = "REMOVAL_PROCEDURE",
        /// 바디케어
        BodyCare = "BODY_CARE",
        /// 기타 상담. Also how the enum view shows a service for which the enum has no value.
        OtherConsultation = "OTHER_CONSULTATION",
    }
}

vocabulary! {
    /// Where a reservation stands.
    Status {
        /// Asked for; the clinic has not answered.
        Pending = "PENDING",
        /// The clinic expects the patient.
        Confirmed = "CONFIRMED",
        /// Called off.
        Cancelled = "CANCELLED",
        /// The treatment took place.
        Completed = "COMPLETED",
        /// The patient did not come.
        NoShow = "NO_SHOW",
        /// The clinic declined.
        Rejected = "REJECTED",
    }
}

impl Status {
    /// Whether a reservation of this status holds its seat.
    ///
    /// A no-show still does: marking one can be corrected, and the correction must find its seat free.
    pub const fn holds_seat(self) -> bool {
        match self {
            Self::Pending | Self::Confirmed | Self::Completed | Self::NoShow => true,
            Self::Cancelled | Self::Rejected => false,
        }
    }
}

vocabulary! {
    /// A patient's gender as the old form asks for it.
    Gender {
        /// 남성
        Male = "MALE",
        /// 여성
        Female = "FEMALE",
    }
}

vocabulary! {
    /// Whether the patient is new to the clinic.
    TreatmentType {
        /// 초진
        FirstVisit = "FIRST_VISIT",
        /// 재진
        FollowUp = "FOLLOW_UP",
    }
}

vocabulary! {
    /// Which of the two views answers a read, and which rule set judges a booking.
    ReadModel {
        /// The enum view: services are a PostgreSQL enum, times are free text, capacity is a daily count.
        Legacy = "legacy",
        /// The dynamic service view: services are rows, times are slots, capacity is seats and minutes.
        Dynamic = "dynamic",
    }
}
