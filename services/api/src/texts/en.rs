//! English.

use super::Said;
use crate::problem::Code;

pub(super) const fn said(said: Said) -> &'static str {
    match said {
        Said::ReservationTaken => "Your reservation request has been received. The clinic will confirm it.",
        Said::ReservationChanged => "The reservation was changed.",
        Said::ManyFree => "Reservations can be made.",
        Said::FewFree => "Only a few times are left.",
        Said::NoneFree => "This day is fully booked.",
        Said::ClinicClosed => "The clinic is closed on this day.",
    }
}

// Texts that are too long for their line below.
const INVALID_STAGE: &str =
    "Please choose legacy, shadow, canary-5, canary-25, canary-50, dynamic or retired.";
const STAGE_OUT_OF_ORDER: &str =
    "The migration is at stage {at}, and {wanted} does not follow it. Please look at the plan.";
const GATES_SHUT: &str = "These gates before stage {stage} are shut: {gates}. Please try again once they let through, or give an override.";
const RETIREMENT_REFUSED: &str = "The legacy view cannot be retired or restored: {obstacle}";
const DAILY_LIMIT_EXCEEDED: &str =
    "Only {remaining} minutes of this service are left on this day. Please choose another day.";
const TIME_SLOT_TOO_SHORT: &str =
    "The treatment would end after closing time. Please choose an earlier time.";

pub(super) const fn message(code: Code) -> &'static str {
    match code {
        Code::RouteNotFound => "There is nothing at this address. Please check the path.",
        Code::MethodNotAllowed => "This address does not take this method. See the Allow header.",
        Code::PayloadTooLarge => "The request is too large. Please send at most {max_bytes} bytes.",
        Code::BodyTimeout => "The request did not arrive in time. Please send it again.",
        Code::InvalidJson => "The request is not the JSON that is expected. Please check its form and types.",
        Code::InvalidQuery => "The query is not valid. Please give each parameter once.",
        Code::InvalidHeader => "The header {header} is not valid. Please correct it or leave it out.",
        Code::MissingFields => "Please fill in these fields: {fields}.",
        Code::InvalidField => "{field} is not valid. Please correct it: {rule}.",
        Code::InvalidText => "{field} is too long or holds invisible characters. Please correct it.",
        Code::InvalidDateFormat => "{field} is not a valid date. Please write it as YYYY-MM-DD.",
        Code::InvalidDate => "{field} is not a valid date. Please choose another one.",
        Code::InvalidTime => "{field} is not a valid time. Please write it as HH:MM.",
        Code::InvalidPeriod => "Please choose MORNING or AFTERNOON.",
        Code::InvalidPhone => "This is not a phone number. Please write it like 010-1234-5678.",
        Code::InvalidEmail => "This is not an e-mail address. Please correct it or leave it out.",
        Code::InvalidGender => "Please choose MALE or FEMALE.",
        Code::InvalidTreatmentType => "Please choose FIRST_VISIT or FOLLOW_UP.",
        Code::InvalidStatus => "Please choose PENDING, CONFIRMED, CANCELLED, COMPLETED, NO_SHOW or REJECTED.",
        Code::InvalidAction => "This action is not known. Please check the request.",
        Code::InvalidPercentage => "Please give a percentage from 0 to 100 in steps of 0.01.",
        Code::InvalidStage => INVALID_STAGE,
        Code::ReasonRequired => "Please give a reason for this change.",
        Code::NothingToChange => "The request names nothing to change.",
        Code::Unauthenticated => "Please sign in and send a valid token.",
        Code::Forbidden => "You are not allowed to do this. Please ask an administrator.",
        Code::RateLimited => "There were too many requests. Please wait a moment and try again.",
        Code::UnknownService => "This service is not known. Please choose one from the list of services.",
        Code::ServiceNotFound => "This service was not found. Please check the list of services.",
        Code::ServiceInactive => "This service can no longer be booked. Please choose another one.",
        Code::DateInPast => "This date has passed. Please choose a later one.",
        Code::DateTooFar => "Reservations are taken up to one year ahead. Please choose an earlier date.",
        Code::TimeInPast => "This time has passed. Please choose a later one.",
        Code::NoClinicHours => "The clinic is closed on this day. Please choose another day.",
        Code::OutsideClinicHours => "This time is outside the clinic's hours. Please choose another time.",
        Code::TimeSlotTooShort => TIME_SLOT_TOO_SHORT,
        Code::TimeSlotFull => "This time is fully booked. Please choose another time.",
        Code::TimeSlotManuallyClosed => "The clinic has closed this time. Please choose another time.",
        Code::DailyLimitExceeded => DAILY_LIMIT_EXCEEDED,
        Code::ReservationFull => "This service is fully booked on this day. Please choose another day.",
        Code::PageFull => "This day takes no more entries. Please choose another day.",
        Code::IdempotencyKeyReused => "This key was used for another reservation. Please use a new one.",
        Code::ReservationNotFound => "This reservation was not found. Please check its id.",
        Code::VersionMismatch => "The reservation was changed by somebody else. Please load it again.",
        Code::InvalidTransition => "A reservation that is {from} cannot become {to}. Please load it again.",
        Code::NotMovable => {
            "A reservation that is {status} cannot be given another time. Please load it again."
        }
        Code::ClosureNotFound => "This closure was not found. Please check its id and date.",
        Code::ClosureEmpty => "A closure must end after it starts. Please correct its times.",
        Code::ValueTaken => "This {field} belongs to another service. Please choose another one.",
        Code::OrderIncomplete => "The order must name each service exactly once. Please load the list again.",
        Code::HoursOverlap => "{first} and {second} overlap. Please correct their times.",
        Code::ForcedListFull => "The forced list is full. Please release a subject first.",
        Code::ViewRetired => "The legacy view is retired. Please run `daybook projection restore legacy`.",
        Code::StageOutOfOrder => STAGE_OUT_OF_ORDER,
        Code::GatesShut => GATES_SHUT,
        Code::RetirementRefused => RETIREMENT_REFUSED,
        Code::ViewBehind => "The latest changes are not readable yet. Please try again in a moment.",
        Code::Busy => "Many others are changing the same day. Please try again in a moment.",
        Code::Unavailable => "The service is not available at the moment. Please try again later.",
        Code::OutcomeUnknown => {
            "It is not known whether the request was carried out. Please send it again with the same idempotency key."
        }
        Code::Internal => "Something went wrong on our side. Please tell us the request id.",
    }
}
