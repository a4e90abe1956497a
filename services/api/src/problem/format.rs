//! What the value of a field or a header has to be, where that is no range of values.

use super::Code;

/// The form of a value. `texts` has its words in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A value has to be there.
    Present,
    Text,
    WholeNumber,
    Flag,
    List,
    Object,
    /// A change may leave it out, but neither null nor a blank text removes it.
    Filled,
    /// A change may leave it out, but null does not remove it.
    NotNull,
    Date,
    Time,
    /// A time that names a clock time or a half-day.
    ReadableTime,
    Period,
    Phone,
    Email,
    Gender,
    TreatmentType,
    Status,
    Percentage,
    Stage,
    /// A name of the list of services.
    ListedService,
    BookableService,
    /// A day on which a booking may be.
    BookableDay,
    OpenDay,
    OpenTime,
    FutureTime,
    /// One of these words.
    OneOf(&'static str),
    /// Does not say anything else than the other field.
    Agreeing(&'static str),
    /// Occurs once in a request.
    Once,
    /// The version of a reservation in `If-Match`.
    EntityTag,
    /// The position in a response.
    Position,
}

impl Format {
    /// The form that fields with this problem should have.
    pub(super) const fn of(code: Code) -> Option<Self> {
        Some(match code {
            Code::MissingFields | Code::ReasonRequired => Self::Present,
            Code::InvalidDateFormat | Code::InvalidDate => Self::Date,
            Code::InvalidTime => Self::Time,
            Code::InvalidPeriod => Self::Period,
            Code::InvalidPhone => Self::Phone,
            Code::InvalidEmail => Self::Email,
            Code::InvalidGender => Self::Gender,
            Code::InvalidTreatmentType => Self::TreatmentType,
            Code::InvalidStatus => Self::Status,
            Code::InvalidPercentage => Self::Percentage,
            Code::InvalidStage => Self::Stage,
            Code::UnknownService => Self::ListedService,
            Code::ServiceInactive => Self::BookableService,
            Code::DateInPast | Code::DateTooFar => Self::BookableDay,
            Code::TimeInPast => Self::FutureTime,
            Code::NoClinicHours => Self::OpenDay,
            Code::OutsideClinicHours => Self::OpenTime,
            _ => return None,
        })
    }
}
