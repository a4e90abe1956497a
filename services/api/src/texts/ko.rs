//! The Korean texts. Booking clients display them unchanged.

use std::borrow::Cow;

use daybook_domain::value::{Dates, Lines, Moments, Numbers, Range, Relation, Text, Unit};

use super::Notice;
use daybook_domain::Status;

use crate::problem::{Code, Format};

pub(super) const fn notice(notice: Notice) -> &'static str {
    match notice {
        Notice::ReservationReceived | Notice::ReservationStands(Status::Pending) => {
            "예약 신청이 접수되었습니다. 병원에서 확인 후 연락드리겠습니다."
        }
        Notice::ReservationStands(Status::Confirmed) => "확정된 예약입니다.",
        Notice::ReservationStands(Status::Cancelled) => {
            "취소된 예약입니다. 다시 예약하시려면 새로 신청해 주세요."
        }
        Notice::ReservationStands(Status::Completed) => "진료가 완료된 예약입니다.",
        Notice::ReservationStands(Status::NoShow) => "방문하지 않으신 예약입니다.",
        Notice::ReservationStands(Status::Rejected) => {
            "병원에서 접수하지 못한 예약입니다. 다른 시간을 선택해 주세요."
        }
        Notice::ReservationUnchanged => "이미 요청하신 상태입니다. 변경된 내용이 없습니다.",
        Notice::ReservationChanged => "예약이 변경되었습니다.",
        Notice::ManyTimesFree => "예약이 가능합니다.",
        Notice::FewTimesFree => "예약 가능한 시간이 얼마 남지 않았습니다.",
        Notice::FullyBooked => "해당 날짜의 예약이 마감되었습니다.",
        Notice::ClinicClosed => "해당 날짜는 휴진일입니다.",
    }
}

// Texts that are too long for one line below.
pub(super) const WRONG_TYPES: &str = "다음 항목의 값의 종류를 확인해 주세요: {rules}";
const UNREADABLE_EVENT: &str =
    "필요한 기록을 읽을 수 없어 예약하거나 변경할 수 없습니다. 병원에 문의해 주세요. (기록 위치 {position})";
const VALUE_TAKEN: &str =
    "{field} 값을 이미 사용하는 시술이 있습니다. PATCH로 해당 시술을 변경하거나 다른 값을 입력해 주세요.";
const INVALID_STAGE: &str =
    "{field} 항목은 legacy, shadow, canary-5, canary-25, canary-50, dynamic, retired 중에서 선택해 주세요.";
const STAGE_OUT_OF_ORDER: &str =
    "현재 {at} 단계에서 {wanted} 단계로 바로 이동할 수 없습니다. 전환 계획을 확인해 주세요.";
const GATES_NOT_MET: &str = "{stage} 단계의 진입 조건이 충족되지 않았습니다: {gates}. 조건 충족 후 다시 시도하거나 예외 사유(override)를 입력해 주세요.";
const SLOT_ID_TAKEN: &str = "ID {id}는 다른 진료 시간(요일 {day}, 0은 일요일)이 사용하고 있습니다. 새 진료 시간에는 ID를 넣지 마세요.";
const RETIREMENT_REFUSED: &str = "기존 조회 모델을 폐기하거나 복원할 수 없습니다: {obstacle}.";
const INVALID_TRANSITION: &str =
    "{from} 상태의 예약은 {to} 상태로 변경할 수 없습니다. 새로고침 후 확인해 주세요.";
const DAILY_LIMIT_EXCEEDED: &str =
    "해당 날짜에 이 시술의 남은 시간은 {remaining}분입니다. 다른 날짜를 선택해 주세요.";
const TIME_SLOT_TOO_SHORT: &str =
    "진료 종료 전에 시술을 마칠 수 없는 시간입니다. 더 이른 시간을 선택해 주세요.";
const INVALID_STATUS: &str =
    "{field} 항목은 PENDING, CONFIRMED, CANCELLED, COMPLETED, NO_SHOW, REJECTED 중에서 선택해 주세요.";
const UNKNOWN_PARAMETERS: &str =
    "알 수 없는 조회 조건이 있습니다: {fields}. 해당 조건을 제외하고 다시 보내 주세요.";
const ALREADY_REQUESTED: &str = "같은 예약 신청이 이미 접수되어 있습니다. 병원에서 확인 후 연락드리겠습니다.";
const TIME_NOT_READ: &str =
    "희망 시간을 먼저 확인해 주세요. timeSlotStart 또는 preferredTime(오전/오후)을 함께 입력해 주세요.";
const VIEW_RETIRED: &str =
    "기존 조회 모델이 폐기되었습니다. 복원하려면 `daybook projection restore legacy` 명령을 실행해 주세요.";

/// The text for fields that have the wrong type in JSON.
const INVALID_TREATMENT_TYPE: &str = "{field} 항목은 FIRST_VISIT(초진) 또는 FOLLOW_UP(재진)을 선택해 주세요.";
const STATUS_STANDS: &str =
    "이미 {status} 상태이며 사유는 더 이상 추가하거나 변경할 수 없습니다. 사유 없이 다시 보내 주세요.";

#[expect(clippy::too_many_lines, reason = "a table with an entry for each code")]
pub(super) const fn message(code: Code) -> &'static str {
    match code {
        Code::RouteNotFound => "요청하신 주소를 찾을 수 없습니다. 경로를 확인해 주세요.",
        Code::MethodNotAllowed => "이 주소에서 지원하지 않는 메서드입니다. Allow 헤더를 확인해 주세요.",
        Code::PayloadTooLarge => "요청이 너무 큽니다. 최대 {max_bytes}바이트까지 보낼 수 있습니다.",
        Code::BodyTimeout => "요청이 제시간에 도착하지 않았습니다. 다시 보내 주세요.",
        Code::InvalidJson => "요청 형식이 올바르지 않습니다. JSON의 형식과 값의 종류를 확인해 주세요.",
        Code::InvalidQuery => "조회 조건이 올바르지 않습니다. 각 항목을 한 번씩만 입력해 주세요.",
        Code::InvalidHeader => "{header} 헤더가 올바르지 않습니다({rule}). 수정하거나 제외해 주세요.",
        Code::MissingFields => "다음 항목을 입력해 주세요: {fields}",
        Code::InvalidField | Code::InvalidAction => "다음 항목의 값을 확인해 주세요: {rules}",
        Code::InvalidText => "다음 항목의 내용을 확인해 주세요: {rules}",
        Code::InvalidDateFormat => "{field} 날짜가 올바르지 않습니다. YYYY-MM-DD 형식으로 입력해 주세요.",
        Code::InvalidDate => "{field} 날짜가 올바르지 않습니다. 다른 날짜를 선택해 주세요.",
        Code::InvalidTime => "{field} 시간이 올바르지 않습니다. HH:MM 형식으로 입력해 주세요.",
        Code::InvalidPeriod => "{field} 항목은 MORNING(오전) 또는 AFTERNOON(오후)을 선택해 주세요.",
        Code::InvalidPhone => "전화번호가 올바르지 않습니다. 010-1234-5678과 같이 입력해 주세요.",
        Code::InvalidEmail => "이메일 주소가 올바르지 않습니다. 수정하거나 비워 두세요.",
        Code::InvalidGender => "{field} 항목은 MALE(남성) 또는 FEMALE(여성)을 선택해 주세요.",
        Code::InvalidTreatmentType => INVALID_TREATMENT_TYPE,
        Code::InvalidStatus => INVALID_STATUS,
        Code::InvalidPercentage => "{field} 항목은 0에서 100까지 0.01 단위로 입력해 주세요.",
        Code::InvalidStage => INVALID_STAGE,
        Code::ReasonRequired => "변경 사유를 입력해 주세요.",
        Code::NothingToChange => "변경할 내용이 없습니다. 변경할 항목을 입력해 주세요.",
        Code::UnknownFields => "알 수 없는 항목이 있습니다: {fields}. 해당 항목을 제외하고 다시 보내 주세요.",
        Code::UnknownParameters => UNKNOWN_PARAMETERS,
        Code::Unauthenticated => "로그인이 필요합니다. 다시 로그인해 주세요.",
        Code::OriginNotAllowed => "이 웹페이지에서는 예약할 수 없습니다. 병원 홈페이지에서 예약해 주세요.",
        Code::Forbidden => "이 작업을 할 권한이 없습니다. 관리자에게 문의해 주세요.",
        Code::RateLimited => "시도 횟수가 너무 많습니다. 나중에 다시 시도하거나 병원으로 연락해 주세요.",
        Code::UnknownService => "알 수 없는 시술입니다. 시술 목록에서 선택해 주세요.",
        Code::ServiceNotFound => "시술을 찾을 수 없습니다. 시술 목록을 확인해 주세요.",
        Code::ServiceInactive => "현재 예약할 수 없는 시술입니다. 다른 시술을 선택해 주세요.",
        Code::DateInPast => "지난 날짜는 예약할 수 없습니다. 다른 날짜를 선택해 주세요.",
        Code::DateTooFar => "예약은 1년 이내의 날짜만 가능합니다. 더 가까운 날짜를 선택해 주세요.",
        Code::TimeInPast => "이미 지난 시간입니다. 다른 시간을 선택해 주세요.",
        Code::NoClinicHours => "해당 날짜는 진료 시간이 없습니다. 다른 날짜를 선택해 주세요.",
        Code::OutsideClinicHours => "진료 시간이 아닙니다. 다른 시간을 선택해 주세요.",
        Code::TimeSlotTooShort => TIME_SLOT_TOO_SHORT,
        Code::TimeSlotFull => "선택하신 시간은 예약이 마감되었습니다. 다른 시간을 선택해 주세요.",
        Code::TimeSlotManuallyClosed => "병원 사정으로 마감된 시간입니다. 다른 시간을 선택해 주세요.",
        Code::DailyLimitExceeded => DAILY_LIMIT_EXCEEDED,
        Code::ReservationFull => "해당 날짜의 예약이 마감되었습니다. 다른 날짜를 선택해 주세요.",
        Code::OverlappingBooking => {
            "같은 시간에 이미 예약이 있습니다. 다른 시간을 선택하거나 병원으로 연락해 주세요."
        }
        Code::PatientLimitReached => "진행 중인 예약이 너무 많습니다. 추가 예약은 병원으로 연락해 주세요.",
        Code::NumberLimitReached => {
            "이 전화번호로 신청한 예약이 너무 많습니다. 추가 예약은 병원으로 연락해 주세요."
        }
        Code::NetworkLimitReached => {
            "이 인터넷 연결에서 신청한 예약이 너무 많습니다. 추가 예약은 병원으로 연락해 주세요."
        }
        Code::ClinicLimitReached => "현재 온라인 예약을 더 받을 수 없습니다. 병원으로 연락해 주세요.",
        Code::DayLimitReached => {
            "해당 날짜에는 온라인 예약을 더 받을 수 없습니다. 다른 날짜를 선택하거나 병원으로 연락해 주세요."
        }
        Code::DayScheduleFull => "해당 날짜에는 더 이상 등록할 수 없습니다. 다른 날짜를 선택해 주세요.",
        Code::IdempotencyKeyReused => "이미 다른 요청에 사용된 멱등성 키입니다. 새 키로 다시 보내 주세요.",
        Code::AlreadyRequested => ALREADY_REQUESTED,
        Code::ReservationNotFound => "예약을 찾을 수 없습니다. 예약 번호를 확인해 주세요.",
        Code::VersionMismatch => "다른 사용자가 예약을 변경했습니다. 새로고침 후 다시 시도해 주세요.",
        Code::InvalidTransition => INVALID_TRANSITION,
        Code::NotMovable => "{status} 상태의 예약은 시간을 변경할 수 없습니다. 새로고침 후 확인해 주세요.",
        Code::StatusStands => STATUS_STANDS,
        Code::NotBegun => "예약 시간이 지나야 {status} 상태로 변경할 수 있습니다. 나중에 다시 시도해 주세요.",
        Code::TimeNotRead => TIME_NOT_READ,
        Code::ClosureNotFound => "마감 내역을 찾을 수 없습니다. ID와 날짜를 확인해 주세요.",
        Code::ClosureEmpty => "마감 종료 시간은 시작 시간보다 늦어야 합니다. 시간을 수정해 주세요.",
        Code::ValueTaken => VALUE_TAKEN,
        Code::OrderIncomplete => "모든 시술을 한 번씩 포함해야 합니다. 목록을 새로고침해 주세요.",
        Code::CatalogFull => "등록할 수 있는 시술 수를 초과했습니다. 기존 시술을 수정해 주세요.",
        Code::SlotIdTaken => SLOT_ID_TAKEN,
        Code::HoursOverlap => "{first}, {second}의 진료 시간이 서로 겹칩니다. 시간을 수정해 주세요.",
        Code::ForcedListFull => "강제 지정 목록이 가득 찼습니다. 먼저 다른 대상을 해제해 주세요.",
        Code::ViewRetired => VIEW_RETIRED,
        Code::StageOutOfOrder => STAGE_OUT_OF_ORDER,
        Code::GatesNotMet => GATES_NOT_MET,
        Code::RetirementRefused => RETIREMENT_REFUSED,
        Code::ViewBehind => "최근 변경 사항을 아직 읽을 수 없습니다. 잠시 후 다시 시도해 주세요.",
        Code::Busy | Code::Overloaded => "요청이 몰리고 있습니다. 잠시 후 다시 시도해 주세요.",
        Code::Unavailable => "현재 서비스를 이용할 수 없습니다. 잠시 후 다시 시도해 주세요.",
        Code::UnreadableEvent => UNREADABLE_EVENT,
        Code::OutcomeUnknown => "요청이 처리되었는지 확인할 수 없습니다. 같은 멱등성 키로 다시 보내 주세요.",
        Code::Internal => "일시적인 오류가 발생했습니다. 요청 번호와 함께 문의해 주세요.",
    }
}

/// A range in words.
pub(super) fn range(range: &Range) -> String {
    match range {
        Range::Numbers(Numbers { min, max, unit }) => {
            let unit = match unit {
                Unit::Count => "",
                Unit::Minutes => "분",
                Unit::Won => "원",
            };
            format!("{min}~{max}{unit}")
        }
        Range::Dates(Dates { first, last }) => format!("{first}~{last}"),
        Range::Moments(Moments { first, last }) => format!("{first}~{last}의 시각(윤초 제외)"),
        Range::Text(Text { min, max, lines: Lines::One }) => format!("보이는 문자 {min}~{max}자, 한 줄"),
        Range::Text(Text { min, max, lines: Lines::Many }) => format!("보이는 문자 {min}~{max}자"),
        // The list of characters is in English, where the last one follows an "and".
        Range::Word { min, max, characters } => {
            format!("{} 문자 {min}~{max}자", characters.replace(" and ", ", "))
        }
        Range::Starts => "00:00~23:59".to_owned(),
        Range::Percentage => "0~100, 0.01 단위".to_owned(),
        Range::Relation(relation) => match relation {
            Relation::LaterThanStart => "시작 시간보다 늦은 시간",
            Relation::NotBeforeFirstDate => "effectiveFrom 이후의 날짜",
            Relation::OwnDay => "해당 진료일",
            Relation::KnownService => "시술 목록에 있는 시술",
            Relation::OldService => "기존 시스템의 시술",
            Relation::Reviewable => "읽을 수 없었던 희망 시간만 검토할 수 있음",
            Relation::EachServiceOnce => "모든 시술을 한 번씩",
            Relation::NoCursor => "cursor 없이만 사용 가능",
            Relation::NextCursor => "목록의 nextCursor 값",
            Relation::HoldsReason => "거절, 취소, 정정에만 입력할 수 있음",
            Relation::NotInFuture => "현재보다 늦지 않은 시각",
        }
        .to_owned(),
    }
}

/// A form in words.
pub(super) fn format(format: Format) -> Cow<'static, str> {
    let fixed = match format {
        Format::OneOf(words) => return format!("{words} 중 하나").into(),
        Format::Agreeing(other) => return format!("{other} 값과 같거나 둘 중 하나만 입력").into(),
        Format::Present => "필수 항목",
        Format::Text => "문자열",
        Format::Number => "숫자",
        Format::OwnType => "항목에 맞는 종류의 값",
        Format::WholeNumber => "정수",
        Format::Flag => "true 또는 false",
        Format::List => "목록",
        Format::Object => "객체",
        Format::Filled => "빈 값이나 null은 사용할 수 없음",
        Format::NotNull => "null은 사용할 수 없음",
        Format::Date => "YYYY-MM-DD 형식의 날짜",
        Format::Time => "HH:MM 형식의 시간",
        Format::ReadableTime => "시각 또는 오전/오후",
        Format::Period => "MORNING 또는 AFTERNOON",
        Format::Phone => "010-1234-5678과 같은 전화번호",
        Format::Email => "name@example.com과 같은 주소",
        Format::Gender => "MALE 또는 FEMALE",
        Format::TreatmentType => "FIRST_VISIT 또는 FOLLOW_UP",
        Format::Status => "PENDING, CONFIRMED, CANCELLED, COMPLETED, NO_SHOW, REJECTED 중 하나",
        Format::Percentage => "0~100, 0.01 단위",
        Format::Stage => "legacy, shadow, canary-5, canary-25, canary-50, dynamic, retired 중 하나",
        Format::ListedService => "시술 목록에 있는 시술",
        Format::BookableService => "예약할 수 있는 시술",
        Format::BookableDay => "오늘부터 366일 이내",
        Format::OpenDay => "진료 시간이 있는 날짜",
        Format::OpenTime => "진료 시간 이내",
        Format::FutureTime => "현재 이후의 시간",
        Format::Once => "한 번만 사용 가능",
        Format::EntityTag => "\"v3\"과 같은 ETag 하나 또는 *",
        Format::Position => "응답의 Daybook-Position 값",
        Format::TokenId => "토큰이 아닌 토큰의 jti 값",
        Format::Moment => "2026-12-01T09:00:00+09:00과 같은 시각",
    };
    fixed.into()
}
