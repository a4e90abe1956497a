//! Turns a problem into an HTTP response. This is the only place that knows the status of a code.
//!
//! A 5xx contains only its code and the request id, under which the log has the cause.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use super::{Code, Details, Problem};
use crate::request::request_id::RequestId;
use crate::texts::{self, Language};

/// The body of every error response.
#[derive(Serialize)]
struct ProblemResponse<'a> {
    error: &'static str,
    message: String,
    code: &'static str,
    #[serde(rename = "requestId")]
    request_id: RequestId,
    #[serde(flatten)]
    details: &'a Details,
}

/// The status of each code.
#[expect(clippy::too_many_lines, reason = "a table with an entry for each code")]
pub(crate) const fn status(code: Code) -> StatusCode {
    match code {
        Code::RouteNotFound | Code::ServiceNotFound | Code::ReservationNotFound | Code::ClosureNotFound => {
            StatusCode::NOT_FOUND
        }
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::InvalidJson
        | Code::InvalidQuery
        | Code::InvalidHeader
        | Code::MissingFields
        | Code::InvalidField
        | Code::InvalidText
        | Code::InvalidDateFormat
        | Code::InvalidDate
        | Code::InvalidTime
        | Code::InvalidPeriod
        | Code::InvalidPhone
        | Code::InvalidEmail
        | Code::InvalidGender
        | Code::InvalidTreatmentType
        | Code::InvalidStatus
        | Code::InvalidAction
        | Code::InvalidPercentage
        | Code::InvalidStage
        | Code::ReasonRequired
        | Code::NothingToChange
        | Code::UnknownFields
        | Code::UnknownParameters
        | Code::UnknownService
        | Code::ServiceInactive
        | Code::DateInPast
        | Code::DateTooFar
        | Code::TimeInPast
        | Code::NoClinicHours
        | Code::OutsideClinicHours
        | Code::ClosureEmpty
        | Code::OrderIncomplete => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::OriginNotAllowed => StatusCode::FORBIDDEN,
        Code::RateLimited
        | Code::NumberLimitReached
        | Code::NetworkLimitReached
        | Code::ClinicLimitReached => StatusCode::TOO_MANY_REQUESTS,
        Code::TimeSlotTooShort
        | Code::TimeSlotFull
        | Code::TimeSlotManuallyClosed
        | Code::DailyLimitExceeded
        | Code::ReservationFull
        | Code::DayScheduleFull
        | Code::OverlappingBooking
        | Code::PatientLimitReached
        | Code::DayLimitReached
        | Code::InvalidTransition
        | Code::NotMovable
        | Code::StatusStands
        | Code::NotBegun
        | Code::TimeNotRead
        | Code::AlreadyRequested
        | Code::ValueTaken
        | Code::CatalogFull
        | Code::SlotIdTaken
        | Code::HoursOverlap
        | Code::ForcedListFull
        | Code::ViewRetired
        | Code::StageOutOfOrder
        | Code::GatesNotMet
        | Code::RetirementRefused => StatusCode::CONFLICT,
        Code::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        Code::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        Code::ViewBehind
        | Code::Busy
        | Code::Overloaded
        | Code::Unavailable
        | Code::OutcomeUnknown
        | Code::UnreadableEvent => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The response for a problem.
pub(crate) fn response(problem: &Problem, language: Language, request_id: RequestId) -> HttpResponse {
    let usual = problem.usual_details();
    let details = usual.as_ref().unwrap_or(&problem.details);
    let body = ProblemResponse {
        error: problem.code.title(),
        message: texts::message(language, problem.code, details),
        code: problem.code.as_str(),
        request_id,
        details,
    };
    let mut response = HttpResponse::build(status(problem.code));
    if let Some(pause) = problem.retry_after {
        response.insert_header((header::RETRY_AFTER, pause.as_secs().max(1).to_string()));
    }
    if problem.code == Code::Unauthenticated {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    response.json(body)
}

/// Carries a problem through actix. The middleware builds the response, because only it knows the language and the request
/// id.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.code)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
