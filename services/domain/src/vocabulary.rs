//! The enumerations of the old system, spelled as in its columns and its JSON.
//!
//! The spellings are storage format and client contract, so they must never change.

use serde::{Deserialize, Serialize};

/// The text is not a value of the enumeration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// The accepted values.
    pub expected: Vec<&'static str>,
}

/// Finds the value that is spelled like `text`.
pub(crate) fn find<T: Copy, const N: usize>(
    all: [T; N],
    spelling: fn(T) -> &'static str,
    text: &str,
) -> Result<T, UnknownWord> {
    all.into_iter()
        .find(|word| spelling(*word) == text)
        .ok_or_else(|| UnknownWord { expected: all.into_iter().map(spelling).collect() })
}

/// Defines an enumeration with a fixed spelling for each value, in columns, JSON, commands and lists.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $word),+ }

        impl $name {
            /// All values, in display order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$word),+];

            /// The spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::vocabulary::find(Self::ALL, Self::as_str, text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use vocabulary;

vocabulary! {
    /// The services of the old system's PostgreSQL enum.
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
        /// 기타 상담. See [`LegacyService::FOR_NEW_SERVICES`].
        OtherConsultation = "OTHER_CONSULTATION",
    }
}

impl LegacyService {
    /// What the legacy view shows for a service without an enum value.
    pub const FOR_NEW_SERVICES: Self = Self::OtherConsultation;
}

vocabulary! {
    /// The status of a reservation.
    Status {
        /// Requested, not yet answered by the clinic.
        Pending = "PENDING",
        /// Accepted by the clinic.
        Confirmed = "CONFIRMED",
        /// Cancelled by the patient or the clinic.
        Cancelled = "CANCELLED",
        /// The treatment took place.
        Completed = "COMPLETED",
        /// The patient did not appear.
        NoShow = "NO_SHOW",
        /// Declined by the clinic.
        Rejected = "REJECTED",
    }
}

impl Status {
    /// Whether a reservation with this status keeps its seat.
    ///
    /// A no-show does, so that a correction finds the seat still free.
    pub const fn holds_seat(self) -> bool {
        match self {
            Self::Pending | Self::Confirmed | Self::Completed | Self::NoShow => true,
            Self::Cancelled | Self::Rejected => false,
        }
    }

    /// Whether the appointment is still to come, so that a change of the clinic's hours or services concerns it.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed)
    }
}

vocabulary! {
    /// The patient's gender, as the old form asks for it.
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
    /// The view that answers a read.
    ReadModel {
        /// Services are a PostgreSQL enum, times are free text, capacity is a daily limit.
        Legacy = "legacy",
        /// Services are rows, times are slots, capacity is seats and minutes.
        Dynamic = "dynamic",
    }
}

vocabulary! {
    /// The capacity rules that decide a booking.
    RuleSet {
        /// A daily limit for each service.
        Legacy = "legacy",
        /// Seats and minutes.
        Dynamic = "dynamic",
    }
}

/// A client's bookings are decided by the rules of the view that it reads.
impl From<ReadModel> for RuleSet {
    fn from(model: ReadModel) -> Self {
        match model {
            ReadModel::Legacy => Self::Legacy,
            ReadModel::Dynamic => Self::Dynamic,
        }
    }
}
