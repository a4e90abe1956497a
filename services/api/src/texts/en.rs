//! The English texts.

use std::borrow::Cow;

use super::Notice;
use daybook_domain::Status;

use crate::problem::{Code, Format};

pub(super) const fn notice(notice: Notice) -> &'static str {
    match notice {
        Notice::ReservationReceived | Notice::ReservationStands(Status::Pending) => {
            "Your reservation request has been received. The clinic will confirm it."
        }
        Notice::ReservationStands(Status::Confirmed) => "This reservation is confirmed.",
        Notice::ReservationStands(Status::Cancelled) => {
            "This reservation was cancelled. To book again, send a new request."
        }
        Notice::ReservationStands(Status::Completed) => "This appointment has taken place.",
        Notice::ReservationStands(Status::NoShow) => "This appointment was missed.",
        Notice::ReservationStands(Status::Rejected) => {
            "The clinic could not accept this reservation. Please choose another time."
        }
        Notice::ReservationUnchanged => "Nothing had to be changed. The reservation is as requested.",
        Notice::ReservationChanged => "The reservation has been changed.",
        Notice::ManyTimesFree => "Reservations can be made.",
        Notice::FewTimesFree => "Only a few times are left.",
        Notice::FullyBooked => "This day is fully booked.",
        Notice::ClinicClosed => "The clinic is closed on this day.",
    }
}

// Texts that are too long for one line below.
pub(super) const WRONG_TYPES: &str = "Please correct the types of these values: {rules}.";
const VALUE_TAKEN: &str =
    "A service has this {field} already. Change that service with PATCH, or choose a different value.";
const INVALID_STAGE: &str =
    "Use legacy, shadow, canary-5, canary-25, canary-50, dynamic or retired for {field}.";
const INVALID_STATUS: &str =
    "Please choose PENDING, CONFIRMED, CANCELLED, COMPLETED, NO_SHOW or REJECTED for {field}.";
const STAGE_OUT_OF_ORDER: &str =
    "The migration is at stage {at}, so {wanted} cannot be entered next. See the plan.";
const GATES_NOT_MET: &str = "Gates of stage {stage} are not met: {gates}. Try again when they are met, or send an override with a reason.";
const SLOT_ID_TAKEN: &str = "The id {id} belongs to other hours on day {day} of the week (0 is Sunday). Leave the id out for new hours.";
const RETIREMENT_REFUSED: &str = "The legacy view cannot be retired or restored: {obstacle}.";
const DAILY_LIMIT_EXCEEDED: &str =
    "Only {remaining} minutes are left for this service on this day. Please choose another day.";
const TIME_SLOT_TOO_SHORT: &str =
    "The treatment would end after closing time. Please choose an earlier time.";
const UNKNOWN_PARAMETERS: &str =
    "The URL has query parameters that this request does not know: {fields}. Remove them.";
const TIME_NOT_READ: &str = "The requested time is a text that has to be read first. Send timeSlotStart, or a half-day as preferredTime.";
const VIEW_RETIRED: &str =
    "The legacy view is retired. To restore it, run `daybook projection restore legacy`.";
const UNREADABLE_EVENT: &str = "A record that is needed for this cannot be read, so nothing can be booked or changed here. Please call the clinic, \
    which finds the cause at position {position}.";
const OUTCOME_UNKNOWN: &str =
    "The request may or may not have taken effect. Please send it again with the same idempotency key.";

/// The text for fields that have the wrong type in JSON.
const STATUS_STANDS: &str = "The reservation is {status} already. Its reason, or that it has none, cannot be changed any more. Repeat the request without a reason.";

#[expect(clippy::too_many_lines, reason = "a table with an entry for each code")]
pub(super) const fn message(code: Code) -> &'static str {
    match code {
        Code::RouteNotFound => "This path does not exist. Check the URL.",
        Code::MethodNotAllowed => "This method is not allowed here. See the Allow header.",
        Code::PayloadTooLarge => "The request body is too large. The limit is {max_bytes} bytes.",
        Code::BodyTimeout => "The request body did not arrive in time. Please send it again.",
        Code::InvalidJson => "The body is not valid JSON, or a value has the wrong type. Please check it.",
        Code::InvalidQuery => "The query string is not valid. Send each parameter once.",
        Code::InvalidHeader => "The {header} header is not valid ({rule}). Correct it or leave it out.",
        Code::MissingFields => "Required fields are missing: {fields}.",
        Code::InvalidField | Code::InvalidAction => "Please correct these values: {rules}.",
        Code::InvalidText => "Please correct these texts: {rules}.",
        Code::InvalidDateFormat => "{field} is not a valid date. Please write it as YYYY-MM-DD.",
        Code::InvalidDate => "{field} is not a valid date. Please choose another one.",
        Code::InvalidTime => "{field} is not a valid time. Please write it as HH:MM.",
        Code::InvalidPeriod => "Please choose MORNING or AFTERNOON for {field}.",
        Code::InvalidPhone => "This phone number is not valid. Please write it like 010-1234-5678.",
        Code::InvalidEmail => "This e-mail address is not valid. Please correct it or leave it out.",
        Code::InvalidGender => "Please choose MALE or FEMALE for {field}.",
        Code::InvalidTreatmentType => "Please choose FIRST_VISIT or FOLLOW_UP for {field}.",
        Code::InvalidStatus => INVALID_STATUS,
        Code::InvalidPercentage => "Use a percentage from 0 to 100 in steps of 0.01 for {field}.",
        Code::InvalidStage => INVALID_STAGE,
        Code::ReasonRequired => "Send a reason for this change.",
        Code::NothingToChange => "The request contains no change.",
        Code::UnknownFields => "The body has fields that this request does not know: {fields}. Remove them.",
        Code::UnknownParameters => UNKNOWN_PARAMETERS,
        Code::Unauthenticated => "Please sign in and send a valid token.",
        Code::OriginNotAllowed => "You cannot book from this web page. Please use the clinic's own page.",
        Code::Forbidden => "You do not have permission to do this. Please ask an administrator.",
        Code::RateLimited => "Too many attempts. Please try again later, or call the clinic.",
        Code::UnknownService => "Unknown service. Please choose one from the list of services.",
        Code::ServiceNotFound => "The service was not found. Please check the list of services.",
        Code::ServiceInactive => "This service can no longer be booked. Please choose another one.",
        Code::DateInPast => "This date is in the past. Please choose a later one.",
        Code::DateTooFar => "Reservations can be made up to one year ahead. Please choose an earlier date.",
        Code::TimeInPast => "This time is in the past. Please choose a later one.",
        Code::NoClinicHours => "The clinic is closed on this day. Please choose another day.",
        Code::OutsideClinicHours => "This time is outside clinic hours. Please choose another time.",
        Code::TimeSlotTooShort => TIME_SLOT_TOO_SHORT,
        Code::TimeSlotFull => "This time is fully booked. Please choose another time.",
        Code::TimeSlotManuallyClosed => "The clinic is closed at this time. Please choose another time.",
        Code::DailyLimitExceeded => DAILY_LIMIT_EXCEEDED,
        Code::ReservationFull => "This service is fully booked on this day. Please choose another day.",
        Code::OverlappingBooking => {
            "You have a reservation at this time. Please choose another time or call the clinic."
        }
        Code::PatientLimitReached => {
            "You have too many open reservations. Please call the clinic for another one."
        }
        Code::NumberLimitReached => {
            "Too many reservations were made with this phone number. Please call the clinic for another one."
        }
        Code::NetworkLimitReached => {
            "Too many reservations were made from this internet connection. Please call the clinic for another one."
        }
        Code::ClinicLimitReached => {
            "No more online reservations are accepted at present. Please call the clinic."
        }
        Code::DayLimitReached => {
            "This day accepts no more online reservations. Please choose another day or call the clinic."
        }
        Code::DayScheduleFull => "This day accepts no more reservations. Please choose another day.",
        Code::IdempotencyKeyReused => "This idempotency key belongs to another request. Use a new key.",
        Code::AlreadyRequested => "The same request is already pending. The clinic will confirm it.",
        Code::ReservationNotFound => "The reservation was not found. Please check its id.",
        Code::VersionMismatch => "Somebody else has changed the reservation. Please reload it and try again.",
        Code::InvalidTransition => "The status cannot change from {from} to {to}. Please reload.",
        Code::NotMovable => "The time of a reservation that is {status} cannot be changed. Please reload it.",
        Code::StatusStands => STATUS_STANDS,
        Code::NotBegun => "A reservation can be {status} only once its time has come. Try again then.",
        Code::TimeNotRead => TIME_NOT_READ,
        Code::ClosureNotFound => "The closure was not found. Please check its id and date.",
        Code::ClosureEmpty => "A closure must end after it starts. Please correct the times.",
        Code::ValueTaken => VALUE_TAKEN,
        Code::OrderIncomplete => "The order must contain each service exactly once. Please reload the list.",
        Code::CatalogFull => "The clinic cannot have more services. Please change an existing one.",
        Code::SlotIdTaken => SLOT_ID_TAKEN,
        Code::HoursOverlap => "The hours {first} and {second} overlap. Please correct the times.",
        Code::ForcedListFull => "The list of forced subjects is full. Release a subject first.",
        Code::ViewRetired => VIEW_RETIRED,
        Code::StageOutOfOrder => STAGE_OUT_OF_ORDER,
        Code::GatesNotMet => GATES_NOT_MET,
        Code::RetirementRefused => RETIREMENT_REFUSED,
        Code::ViewBehind => "The latest changes cannot be read yet. Please try again in a moment.",
        Code::Busy | Code::Overloaded => "Many requests arrived at once. Please try again in a moment.",
        Code::Unavailable => "The service is not available at the moment. Please try again later.",
        Code::OutcomeUnknown => OUTCOME_UNKNOWN,
        Code::UnreadableEvent => UNREADABLE_EVENT,
        Code::Internal => "An internal error occurred. Please contact us with the request id.",
    }
}

/// A form in words.
pub(super) fn format(format: Format) -> Cow<'static, str> {
    let fixed = match format {
        Format::OneOf(words) => return format!("one of {words}").into(),
        Format::Agreeing(other) => return format!("the same as {other}, or only one of the two").into(),
        Format::Present => "required",
        Format::Text => "a text",
        Format::Number => "a number",
        Format::OwnType => "a value of its type",
        Format::WholeNumber => "a whole number",
        Format::Flag => "true or false",
        Format::List => "a list",
        Format::Object => "an object",
        Format::Filled => "neither null nor blank",
        Format::NotNull => "not null",
        Format::Date => "a date as YYYY-MM-DD",
        Format::Time => "a time as HH:MM",
        Format::ReadableTime => "a clock time or a half-day",
        Format::Period => "MORNING or AFTERNOON",
        Format::Phone => "a phone number such as 010-1234-5678",
        Format::Email => "an address such as name@example.com",
        Format::Gender => "MALE or FEMALE",
        Format::TreatmentType => "FIRST_VISIT or FOLLOW_UP",
        Format::Status => "PENDING, CONFIRMED, CANCELLED, COMPLETED, NO_SHOW or REJECTED",
        Format::Percentage => "0 to 100 in steps of 0.01",
        Format::Stage => "legacy, shadow, canary-5, canary-25, canary-50, dynamic or retired",
        Format::ListedService => "a service of the list",
        Format::BookableService => "a service that can be booked",
        Format::BookableDay => "today or up to 366 days ahead",
        Format::OpenDay => "a day with clinic hours",
        Format::OpenTime => "within the clinic hours",
        Format::FutureTime => "later than now",
        Format::Once => "only once",
        Format::EntityTag => "one ETag such as \"v3\", or *",
        Format::Position => "the Daybook-Position of a response",
        Format::TokenId => "the jti of the token, not the token",
        Format::Moment => "a moment such as 2026-12-01T09:00:00+09:00",
    };
    fixed.into()
}
