//! Generated commands on the catalog, the hours and the routing.

use daybook_domain::catalog::{
    CatalogCommand, LimitChange, ServiceChange, ServiceDraft, ServiceLimitSet, ServiceRenamed, ServiceRetimed,
};
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot};
use daybook_domain::routing::{
    ChecklistItem, ChecklistItemDone, DynamicShareSet, ReadsRolledBack, RollBackStage, RolloutPercentage,
    RoutedSubject, RoutingCommand, Stage, SubjectForced, SubjectReleased,
};
use daybook_domain::time::{ClockTime, DayOfWeek, Span};
use daybook_domain::{HoursId, LegacyService, ReadModel, ServiceId, value};

use super::commands::{period, service};
use super::hostile::{id, is_hostile, number, optional_date, optional_text, text, time};
use crate::history::TestRng;

pub(super) fn catalog(rng: &mut TestRng) -> CatalogCommand {
    match rng.below(12) {
        10 => CatalogCommand::ChangeService(service_change(rng)),
        11 => CatalogCommand::ChangeServiceLimit(LimitChange {
            service: service(rng),
            daily_limit: some(rng, |rng| number(rng, value::DAILY_LIMIT)),
            daily_limit_minutes: some(rng, |rng| some(rng, |rng| number(rng, value::DAILY_LIMIT_MINUTES))),
            is_active: some(rng, |rng| rng.below(2) == 0),
            reason: optional_text(rng, value::DESCRIPTION).map(Into::into),
        }),
        0 | 1 => CatalogCommand::DefineService(draft(rng)),
        2 => CatalogCommand::RenameService(ServiceRenamed {
            service: service(rng),
            name: text(rng, value::SERVICE_NAME).into(),
            name_en: optional_text(rng, value::SERVICE_LABEL).map(Into::into),
            description: optional_text(rng, value::DESCRIPTION).map(Into::into),
        }),
        3 => CatalogCommand::RetimeService(ServiceRetimed {
            service: service(rng),
            duration: number(rng, value::DURATION),
            buffer: number(rng, value::BUFFER),
        }),
        4 => CatalogCommand::DeactivateService(service(rng)),
        5 | 6 => CatalogCommand::ActivateService(service(rng)),
        7 => {
            let known = LegacyService::ALL.map(|legacy| format!("srv_{}", legacy.as_str().to_lowercase()));
            let mut order: Vec<ServiceId> =
                known.iter().map(|id| ServiceId::parse(id.as_str()).unwrap()).collect();
            order.rotate_left(rng.below(6) as usize);
            if is_hostile(rng) {
                order.push(service(rng));
            }
            CatalogCommand::ReorderServices(order)
        }
        _ => CatalogCommand::SetServiceLimit(ServiceLimitSet {
            service: service(rng),
            daily_limit: number(rng, value::DAILY_LIMIT),
            daily_limit_minutes: (rng.below(2) == 0).then(|| number(rng, value::DAILY_LIMIT_MINUTES)),
            is_active: rng.below(2) == 0,
            reason: optional_text(rng, value::DESCRIPTION).map(Into::into),
        }),
    }
}

fn service_change(rng: &mut TestRng) -> ServiceChange {
    ServiceChange {
        service: service(rng),
        name: some(rng, |rng| text(rng, value::SERVICE_NAME).into()),
        name_en: some(rng, |rng| optional_text(rng, value::SERVICE_LABEL).map(Into::into)),
        description: some(rng, |rng| optional_text(rng, value::DESCRIPTION).map(Into::into)),
        duration: some(rng, |rng| number(rng, value::DURATION)),
        buffer: some(rng, |rng| number(rng, value::BUFFER)),
        is_active: some(rng, |rng| rng.below(2) == 0),
    }
}

fn some<T>(rng: &mut TestRng, value: impl FnOnce(&mut TestRng) -> T) -> Option<T> {
    (rng.below(2) == 0).then(|| value(rng))
}

fn draft(rng: &mut TestRng) -> ServiceDraft {
    let code = *rng.pick(&["NEW_A", "NEW_B", "NEW_C", "SKIN_CARE", "new", "X", "", "NEW A", "新", "A\0"]);
    ServiceDraft {
        service: ServiceId::parse(id(rng, "srv_new", 5)).unwrap(),
        code: code.into(),
        legacy: is_hostile(rng).then(|| *rng.pick(&LegacyService::ALL)),
        name: text(rng, value::SERVICE_NAME).into(),
        name_en: optional_text(rng, value::SERVICE_LABEL).map(Into::into),
        description: optional_text(rng, value::DESCRIPTION).map(Into::into),
        category: optional_text(rng, value::SERVICE_LABEL).map(Into::into),
        duration: number(rng, value::DURATION),
        buffer: number(rng, value::BUFFER),
        base_price: (rng.below(2) == 0).then(|| number(rng, value::PRICE)),
    }
}

/// The hours of a weekday. Their ids are few, so they meet those of the same and of other weekdays.
pub(super) fn hours(rng: &mut TestRng) -> ClinicHoursSet {
    let day_of_week = *rng.pick(&DayOfWeek::ALL);
    let mut slots = vec![slot(rng, "09:00", "12:00"), slot(rng, "13:00", "19:00")];
    if is_hostile(rng) {
        slots.truncate(1);
    }
    if rng.below(100) == 0 {
        slots = (0..=value::SLOTS_PER_DAY.max).map(|_| slot(rng, "09:00", "12:00")).collect();
    }
    for (slot, number) in slots.iter_mut().zip(0..) {
        // Mostly an id of the slot's own.
        if !is_hostile(rng) {
            slot.id = HoursId::parse(format!("own_{}_{number}", day_of_week.number())).unwrap();
        }
    }
    ClinicHoursSet { day_of_week, slots }
}

fn slot(rng: &mut TestRng, start: &str, end: &str) -> ClinicSlot {
    let usual = |text: &str| -> ClockTime { text.parse().unwrap() };
    let (start, end) = if is_hostile(rng) { (time(rng), time(rng)) } else { (usual(start), usual(end)) };
    ClinicSlot {
        id: HoursId::parse(id(rng, "cts_", 6)).unwrap(),
        period: period(rng),
        span: Span { start, end },
        slot_interval: number(rng, value::SLOT_INTERVAL),
        max_concurrent: number(rng, value::MAX_CONCURRENT),
        service: is_hostile(rng).then(|| service(rng)),
        effective_from: optional_date(rng),
        effective_until: None.or_else(|| is_hostile(rng).then(|| optional_date(rng)).flatten()),
    }
}

/// Changes of routing that keep both views in use.
pub(super) fn routing(rng: &mut TestRng) -> RoutingCommand {
    let reason = text(rng, value::ROUTING_REASON).into();
    let subject = RoutedSubject::client(&text(rng, value::STAFF_NAME));
    match rng.below(6) {
        0 => {
            let share = RolloutPercentage::from_percent(f64::from(rng.below(101))).unwrap();
            RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason })
        }
        1 => RoutingCommand::RollBackReads(ReadsRolledBack { reason }),
        2 => {
            RoutingCommand::ForceSubject(SubjectForced { subject, model: *rng.pick(&ReadModel::ALL), reason })
        }
        3 => RoutingCommand::ReleaseSubject(SubjectReleased { subject, reason }),
        4 => RoutingCommand::RollBackStage(RollBackStage { stage: Stage::Legacy, reason }),
        _ => {
            let evidence = text(rng, value::EVIDENCE).into();
            RoutingCommand::CompleteChecklistItem(ChecklistItemDone {
                item: ChecklistItem::TeamTrained,
                evidence,
            })
        }
    }
}
