//! What the value of a field or a header has to be, where that is no range of values.

use super::Code;

/// The form of a value. `texts` has its words in every language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "migration"), allow(dead_code, reason = "some forms belong to the migration"))]
pub(crate) enum Format {
    /// A value has to be there.
    Present,
    Text,
    Number,
    WholeNumber,
    Flag,
    List,
    Object,
    /// The type that the documentation of the field says.
    OwnType,
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
    /// The claim `jti`, not the token.
    TokenId,
    /// An instant as of RFC 3339.
    Moment,
}

/// The forms that fields with these problems should have.
const FORMS: [(Code, Format); 20] = [
    (Code::MissingFields, Format::Present),
    (Code::ReasonRequired, Format::Present),
    (Code::InvalidDateFormat, Format::Date),
    (Code::InvalidDate, Format::Date),
    (Code::InvalidTime, Format::Time),
    (Code::InvalidPeriod, Format::Period),
    (Code::InvalidPhone, Format::Phone),
    (Code::InvalidEmail, Format::Email),
    (Code::InvalidGender, Format::Gender),
    (Code::InvalidTreatmentType, Format::TreatmentType),
    (Code::InvalidStatus, Format::Status),
    (Code::InvalidPercentage, Format::Percentage),
    (Code::InvalidStage, Format::Stage),
    (Code::UnknownService, Format::ListedService),
    (Code::ServiceInactive, Format::BookableService),
    (Code::DateInPast, Format::BookableDay),
    (Code::DateTooFar, Format::BookableDay),
    (Code::TimeInPast, Format::FutureTime),
    (Code::NoClinicHours, Format::OpenDay),
    (Code::OutsideClinicHours, Format::OpenTime),
];

impl Format {
    /// The form that a field with this problem should have, if it is the same on every route.
    pub(super) fn of(code: Code) -> Option<Self> {
        FORMS.into_iter().find(|(own, _)| *own == code).map(|(_, format)| format)
    }
}
