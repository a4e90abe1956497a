//! One event of each type, with the content of its golden file. The people are fictitious, and no real key seals their
//! data.

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::access::{AccessEvent, SubjectTokensRevoked, TokenRevoked};
use daybook_domain::catalog::*;
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot, HoursEvent};
use daybook_domain::idempotency::{IdempotencyEvent, KeyClaimed, KeyReleased};
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::routing::{
    ChecklistItem, ChecklistItemDone, Declared, Direction, DynamicShareSet, Finding, FlagsObserved, Gate,
    GateResult, Guardrail, GuardrailTripped, LogPlace, Override, ReadsRolledBack, RolloutOpened,
    RolloutPercentage, RoutedSubject, RoutingEvent, Stage, StageEntered, SubjectForced, SubjectReleased,
    ViewRestored, ViewRetired,
};
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::*;
use daybook_domain::schedule::slot_assignment::SlotAssignment;
use daybook_domain::time::{DayOfWeek, Span};
use daybook_domain::{
    ClockTime, ClosureId, Event, HoursId, KeyId, LegacyService, Period, ReadModel, RequestFingerprint,
    ReservationId, RuleSet, Sealed, ServiceId, Status, SubjectId,
};
use uuid::Uuid;

fn reservation() -> ReservationId {
    ReservationId::parse("5ab08197-8c8b-4335-8efb-a8ed09c62f16").unwrap()
}

fn service() -> ServiceId {
    ServiceId::parse("srv_skin_care").unwrap()
}

fn subject() -> SubjectId {
    SubjectId::parse("00112233445566778899aabbccddeeff").unwrap()
}

fn key() -> KeyId {
    KeyId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

fn sealed() -> Sealed {
    Sealed { key: key(), ciphertext: "bm9ib2R5J3MgZGV0YWlscw==".into() }
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 12, 1).unwrap()
}

fn clock(text: &str) -> ClockTime {
    text.parse().unwrap()
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn at_two() -> SlotAssignment {
    SlotAssignment::At { start: clock("14:00"), period: Period::Afternoon }
}

fn snapshot() -> ServiceSnapshot {
    ServiceSnapshot {
        id: service(),
        code: "SKIN_CARE".into(),
        legacy: Some(LegacyService::SkinCare),
        name: "피부케어".into(),
        duration: 60,
        buffer: 10,
    }
}

/// Returns one event of each type.
pub(crate) fn all() -> Vec<Event> {
    let families = [entered(), settled(), moved_and_closed(), services(), service_changes()];
    let others = hours().into_iter().chain(routing()).chain(privacy()).chain(keys()).chain(access());
    families.into_iter().flatten().chain(others).collect()
}

fn entered() -> Vec<Event> {
    let requested = ReservationRequested {
        reservation: reservation(),
        subject: subject(),
        details: sealed(),
        service: snapshot(),
        date: day(),
        wish: Some("오후 2시".into()),
        placement: at_two(),
        judged_by: RuleSet::Legacy,
        other_verdict: Some("TIME_SLOT_FULL".into()),
        fingerprint: None,
        patient: None,
        stranger: None,
    };
    let imported = ReservationImported {
        reservation: reservation(),
        subject: subject(),
        details: sealed(),
        service: ServiceSnapshot { legacy: None, ..snapshot() },
        date: day(),
        wish: None,
        placement: SlotAssignment::Review(Ambiguity::AmbiguousHour),
        is_placed_here: None,
        status: Status::NoShow,
        created_at: instant("2025-03-04T01:02:03.456Z"),
        updated_at: instant("2025-03-05T00:00:00Z"),
        status_changed_at: instant("2025-03-05T00:00:00Z"),
        status_changed_by: Some("front desk".into()),
        patient: None,
    };
    let reimported = ReservationImported {
        service: snapshot(),
        placement: SlotAssignment::Period(Period::Morning),
        is_placed_here: Some(true),
        status: Status::Cancelled,
        updated_at: instant("2025-03-06T07:08:09.123Z"),
        ..imported.clone()
    };
    let moved = ReservationMoved {
        row: ReservationImported {
            date: day() + chrono::TimeDelta::days(3),
            is_placed_here: Some(false),
            ..reimported.clone()
        },
        moved_from: day(),
        version: 3,
    };
    let entered = [
        ScheduleEvent::ReservationRequested(requested),
        ScheduleEvent::ReservationImported(imported),
        ScheduleEvent::ReservationReimported(reimported),
        ScheduleEvent::ReservationMovedOut(moved.clone()),
        ScheduleEvent::ReservationMovedIn(moved),
    ];
    entered.map(Event::Schedule).into()
}

fn settled() -> Vec<Event> {
    let reservation = reservation();
    let id = || reservation.clone();
    [
        ScheduleEvent::ReservationConfirmed(ReservationConfirmed { reservation: id() }),
        ScheduleEvent::ReservationRejected(ReservationRejected { reservation: id(), reason: Some(sealed()) }),
        ScheduleEvent::ReservationCancelled(ReservationCancelled { reservation: id(), reason: None }),
        ScheduleEvent::ReservationCompleted(ReservationCompleted { reservation: id() }),
        ScheduleEvent::ReservationNoShowMarked(ReservationNoShowMarked { reservation: id() }),
        ScheduleEvent::ReservationNoShowCorrected(ReservationNoShowCorrected {
            reservation: id(),
            reason: sealed(),
        }),
        ScheduleEvent::ReservationCompletionCorrected(ReservationCompletionCorrected {
            reservation: id(),
            reason: sealed(),
        }),
    ]
    .map(Event::Schedule)
    .into()
}

fn moved_and_closed() -> Vec<Event> {
    let closure = ClosureId::parse("closure-1").unwrap();
    let closed = TimeClosed {
        closure: closure.clone(),
        date: day(),
        span: Span { start: clock("16:00"), end: clock("24:00") },
        service: Some(service()),
        reason: Some("training".into()),
        fingerprint: None,
    };
    let morning = SlotAssignment::Period(Period::Morning);
    [
        ScheduleEvent::ReservationRescheduled(ReservationRescheduled {
            reservation: reservation(),
            placement: morning,
        }),
        ScheduleEvent::ReservationTimeAssigned(ReservationTimeAssigned {
            reservation: reservation(),
            placement: at_two(),
        }),
        ScheduleEvent::AdminNoteWritten(AdminNoteWritten { reservation: reservation(), note: sealed() }),
        ScheduleEvent::TimeClosed(closed),
        ScheduleEvent::TimeReopened(TimeReopened { closure }),
    ]
    .map(Event::Schedule)
    .into()
}

fn services() -> Vec<Event> {
    let defined = ServiceDefined {
        service: service(),
        code: "SKIN_CARE".into(),
        legacy: Some(LegacyService::SkinCare),
        name: "피부케어".into(),
        name_en: Some("Skin care".into()),
        description: None,
        category: Some("skin".into()),
        duration: 60,
        buffer: 10,
        base_price: Some(90_000),
        display_order: 3,
    };
    let renamed = ServiceRenamed {
        service: service(),
        name: "피부 관리".into(),
        name_en: None,
        description: Some("한 시간".into()),
    };
    [
        CatalogEvent::ServiceDefined(defined),
        CatalogEvent::ServiceRenamed(renamed),
        CatalogEvent::ServiceRetimed(ServiceRetimed { service: service(), duration: 50, buffer: 5 }),
    ]
    .map(Event::Catalog)
    .into()
}

fn service_changes() -> Vec<Event> {
    let limit = ServiceLimitSet {
        service: service(),
        daily_limit: 10,
        daily_limit_minutes: Some(480),
        is_active: true,
        reason: Some("one room".into()),
    };
    let order = vec![ServiceId::parse("srv_body_care").unwrap(), service()];
    [
        CatalogEvent::ServiceActivated(ServiceActivated { service: service() }),
        CatalogEvent::ServiceDeactivated(ServiceDeactivated { service: service() }),
        CatalogEvent::ServicesReordered(ServicesReordered { order }),
        CatalogEvent::ServiceLimitSet(limit),
    ]
    .map(Event::Catalog)
    .into()
}

fn hours() -> Vec<Event> {
    let slot = ClinicSlot {
        id: HoursId::parse("monday-morning").unwrap(),
        period: Period::Morning,
        span: Span { start: clock("09:00"), end: clock("12:00") },
        slot_interval: 30,
        max_concurrent: 2,
        service: None,
        effective_from: Some(day()),
        effective_until: None,
    };
    let day_of_week = DayOfWeek::try_from(1).unwrap();
    vec![Event::Hours(HoursEvent::ClinicHoursSet(ClinicHoursSet { day_of_week, slots: vec![slot] }))]
}

fn routing() -> Vec<Event> {
    let patient = RoutedSubject::patient(subject());
    let share = RolloutPercentage::from_percent(12.5).unwrap();
    [
        RoutingEvent::RolloutOpened(RolloutOpened { salt: "pepper".into() }),
        RoutingEvent::DynamicShareSet(DynamicShareSet { share, reason: "first canary".into() }),
        RoutingEvent::ReadsRolledBack(ReadsRolledBack { reason: "slow answers".into() }),
        RoutingEvent::SubjectForced(SubjectForced {
            subject: patient.clone(),
            model: ReadModel::Dynamic,
            reason: "tester".into(),
        }),
        RoutingEvent::SubjectReleased(SubjectReleased { subject: patient, reason: "done".into() }),
        RoutingEvent::ViewRetired(retired()),
        RoutingEvent::ViewRestored(restored()),
        RoutingEvent::StageEntered(stage_entered()),
        RoutingEvent::ChecklistItemDone(ChecklistItemDone {
            item: ChecklistItem::BackupMade,
            evidence: "12409 reservations at 1234".into(),
        }),
        RoutingEvent::FlagsObserved(FlagsObserved {
            use_dynamic_services: Some(false),
            rollout: Some(share),
        }),
        RoutingEvent::GuardrailTripped(GuardrailTripped {
            guardrail: Guardrail::Mismatches,
            model: ReadModel::Dynamic,
            found: "3 of 1200 reads".into(),
            limit: "0.1 %".into(),
            window_seconds: 60,
        }),
    ]
    .map(Event::Routing)
    .into()
}

fn stage_entered() -> StageEntered {
    StageEntered {
        stage: Stage::Canary25,
        from: Stage::Canary5,
        way: Direction::Advanced,
        position: Some(LogPlace { commit: 1234, prepare: 1230 }),
        gates: vec![GateResult {
            gate: Gate::Soak,
            finding: Finding::NotMet,
            found: "20 h in canary-5".into(),
            asked: "24 h".into(),
        }],
        overridden: Some(Override { reason: "a quiet week".into(), approver: Some("park".into()) }),
        reason: Some("as planned".into()),
    }
}

fn retired() -> ViewRetired {
    ViewRetired {
        model: ReadModel::Legacy,
        generation: 4,
        position: LogPlace { commit: 1234, prepare: 1230 },
        reservations: 12_409,
        digest: "00112233445566778899aabbccddeeff".into(),
        rules_version: 1,
        declared: vec![Declared { kind: "period_without_time".into(), reservations: 37 }],
        reason: "nobody reads it".into(),
    }
}

fn restored() -> ViewRestored {
    ViewRestored {
        model: ReadModel::Legacy,
        generation: 5,
        position: LogPlace { commit: 2345, prepare: 2345 },
        digest: "ffeeddccbbaa99887766554433221100".into(),
        reason: Some("an audit".into()),
    }
}

fn privacy() -> Vec<Event> {
    vec![Event::Privacy(PrivacyEvent::SubjectForgotten(SubjectForgotten {
        subject: subject(),
        keys: vec![key()],
    }))]
}

fn keys() -> Vec<Event> {
    let fingerprint = RequestFingerprint::parse("ffeeddccbbaa99887766554433221100").unwrap();
    vec![
        Event::Idempotency(IdempotencyEvent::KeyClaimed(KeyClaimed { fingerprint })),
        Event::Idempotency(IdempotencyEvent::KeyReleased(KeyReleased {})),
    ]
}

fn access() -> Vec<Event> {
    let at = instant("2026-12-01T01:02:03.456789Z");
    vec![
        Event::Access(AccessEvent::TokenRevoked(TokenRevoked {
            token: "01900000-0000-7000-8000-000000000002".into(),
            at,
            until: instant("2027-12-03T01:02:03.456789Z"),
            reason: Some("a lost laptop".into()),
        })),
        Event::Access(AccessEvent::SubjectTokensRevoked(SubjectTokensRevoked {
            subject: "desk@clinic.example".into(),
            at,
            issued_before: instant("2026-12-01T00:00:00Z"),
            reason: None,
        })),
    ]
}
