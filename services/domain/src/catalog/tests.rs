//! Decisions on the catalog: what is refused, and what causes no event because it is there.

use super::*;
use crate::id::ServiceId;
use crate::vocabulary::LegacyService;

fn seeded() -> Catalog {
    let mut catalog = Catalog::default();
    for command in first_services() {
        let events = catalog.decide(command).unwrap();
        events.iter().for_each(|event| catalog.evolve(event));
    }
    catalog
}

fn id(text: &str) -> ServiceId {
    ServiceId::parse(text).unwrap()
}

#[test]
fn the_first_services_are_the_six_of_the_enum_each_with_its_limit() {
    let catalog = seeded();
    let codes: Vec<_> = catalog.in_order().into_iter().map(|service| service.legacy.unwrap()).collect();
    assert_eq!(codes, LegacyService::ALL);
    assert!(catalog.in_order().iter().all(|service| service.limit.unwrap().daily_limit == 10));
    assert_eq!(catalog.by_code("SKIN_CARE").unwrap().total_minutes(), 70);
}

#[test]
fn a_command_whose_effect_exists_causes_no_event() {
    let catalog = seeded();
    for command in first_services() {
        assert_eq!(catalog.decide(command), Ok(vec![]));
    }
    let order = catalog.in_order().into_iter().map(|service| service.id.clone()).collect();
    assert_eq!(catalog.decide(CatalogCommand::ReorderServices(order)), Ok(vec![]));
    assert_eq!(catalog.decide(CatalogCommand::ActivateService(id("srv_body_care"))), Ok(vec![]));
}

#[test]
fn a_code_belongs_to_one_service() {
    let Some(CatalogCommand::DefineService(mut draft)) = first_services().into_iter().next() else {
        panic!("the first services start with a definition");
    };
    draft.service = id("srv_other");
    let rejected = seeded().decide(CatalogCommand::DefineService(draft));
    assert_eq!(rejected, Err(CatalogRejection::CodeTaken("WRINKLE_BOTOX".into())));
}

#[test]
fn all_wrong_values_of_a_service_are_named_with_their_ranges() {
    let Some(CatalogCommand::DefineService(draft)) = first_services().into_iter().next() else {
        panic!("the first services start with a definition");
    };
    let wrong = ServiceDraft {
        code: "premium".into(),
        name: "\u{202e}프리미엄".into(),
        category: Some("\u{200b}".into()),
        buffer: 61,
        base_price: Some(3_000_000_000),
        ..draft
    };
    let Err(CatalogRejection::OutOfRange(faults)) =
        Catalog::default().decide(CatalogCommand::DefineService(wrong))
    else {
        panic!("the service was defined");
    };
    assert_eq!(
        faults.to_string(),
        "code: 2 to 50 characters of A-Z and _; name: 2 to 100 visible characters on one line; \
         category: 1 to 100 visible characters on one line; bufferMinutes: 0 to 60 minutes; \
         basePrice: 0 to 2147483647 won"
    );
}

#[test]
fn durations_and_orders_out_of_range_are_rejected() {
    let catalog = seeded();
    let retime = |duration, buffer| {
        let service = id("srv_skin_care");
        catalog.decide(CatalogCommand::RetimeService(ServiceRetimed { service, duration, buffer }))
    };
    assert!(retime(9, 10).is_err() && retime(481, 10).is_err() && retime(30, 61).is_err());
    assert_eq!(retime(90, 0).unwrap().len(), 1);
    let twice = vec![id("srv_skin_care"), id("srv_skin_care")];
    assert_eq!(
        catalog.decide(CatalogCommand::ReorderServices(twice)),
        Err(CatalogRejection::OrderIncomplete)
    );
}

fn applied(mut catalog: Catalog, command: CatalogCommand) -> Catalog {
    let events = catalog.decide(command).unwrap();
    events.iter().for_each(|event| catalog.evolve(event));
    catalog
}

fn laser() -> ServiceDraft {
    ServiceDraft {
        service: id("srv_laser"),
        code: "LASER".into(),
        legacy: None,
        name: "레이저".into(),
        name_en: Some("Laser".into()),
        description: None,
        category: None,
        duration: 30,
        buffer: 10,
        base_price: Some(50_000),
    }
}

fn define(draft: ServiceDraft) -> CatalogCommand {
    CatalogCommand::DefineService(draft)
}

#[test]
fn a_repeated_definition_is_accepted_only_if_all_its_values_stand() {
    let catalog = applied(seeded(), define(laser()));
    assert_eq!(catalog.decide(define(laser())), Ok(vec![]));
    let with_less = ServiceDraft { name_en: None, base_price: None, ..laser() };
    assert_eq!(catalog.decide(define(with_less)), Ok(vec![]), "what is not given may have any value");
    let taken = Err(CatalogRejection::CodeTaken("LASER".into()));
    for other in [
        ServiceDraft { name: "다른 이름".into(), ..laser() },
        ServiceDraft { name_en: Some("Other".into()), ..laser() },
        ServiceDraft { description: Some("new".into()), ..laser() },
        ServiceDraft { category: Some("new".into()), ..laser() },
        ServiceDraft { duration: 40, ..laser() },
        ServiceDraft { buffer: 0, ..laser() },
        ServiceDraft { base_price: Some(1), ..laser() },
        ServiceDraft { legacy: Some(LegacyService::SkinCare), ..laser() },
    ] {
        assert_eq!(catalog.decide(define(other.clone())), taken, "{other:?}");
    }
    let recoded = ServiceDraft { code: "OTHER_LASER".into(), ..laser() };
    assert_eq!(catalog.decide(define(recoded)), Err(CatalogRejection::IdTaken(id("srv_laser"))));
    let rename = ServiceChange { name: Some("새 이름".into()), ..ServiceChange::none(id("srv_laser")) };
    let renamed = applied(catalog, CatalogCommand::ChangeService(rename));
    assert_eq!(renamed.decide(define(laser())), taken, "the name is another one now");
}

#[test]
fn an_id_is_never_the_code_of_another_service() {
    let catalog = applied(seeded(), define(laser()));
    let with_id_of = ServiceDraft { service: id("LASER"), code: "OTHER".into(), ..laser() };
    assert_eq!(catalog.decide(define(with_id_of)), Err(CatalogRejection::IdTaken(id("LASER"))));
    let by_code = ServiceDraft { service: id("TONING"), code: "TONING".into(), ..laser() };
    let catalog = applied(catalog, define(by_code));
    let with_code_of = ServiceDraft { service: id("srv_other"), code: "TONING".into(), ..laser() };
    assert_eq!(catalog.decide(define(with_code_of)), Err(CatalogRejection::CodeTaken("TONING".into())));
}

#[test]
fn a_service_is_found_by_its_id_before_a_code_of_another_one() {
    let mut catalog = seeded();
    let pair = [("BODY_CARE", "SWAPPED"), ("srv_x", "srv_skin_care")];
    for (service, code) in pair {
        // As only a log of an earlier release holds them.
        let old =
            Catalog::default().decide(define(ServiceDraft { service: id(service), ..laser() })).unwrap();
        let [CatalogEvent::ServiceDefined(defined)] = &*old else { panic!("{old:?}") };
        let defined = ServiceDefined { code: code.into(), ..defined.clone() };
        catalog.evolve(&CatalogEvent::ServiceDefined(defined));
    }
    let found = |text: &str| catalog.find(text).map(|service| service.id.as_str());
    assert_eq!(found("BODY_CARE"), Some("BODY_CARE"), "and not srv_body_care, whose code it is");
    assert_eq!(found("srv_skin_care"), Some("srv_skin_care"));
    assert_eq!((found("SWAPPED"), found("SKIN_CARE")), (Some("BODY_CARE"), Some("srv_skin_care")));
    assert_eq!((found("NONE"), found("two words"), found("")), (None, None, None));
}

#[test]
fn a_change_of_several_values_is_decided_as_a_whole() {
    let catalog = applied(seeded(), define(laser()));
    let none = || ServiceChange::none(id("srv_laser"));
    let change = |change| catalog.decide(CatalogCommand::ChangeService(change));
    let all = ServiceChange {
        name: Some("새 이름".into()),
        name_en: Some(None),
        buffer: Some(0),
        is_active: Some(false),
        ..none()
    };
    let events = change(all.clone()).unwrap();
    assert_eq!(events.len(), 3);
    let changed = applied(catalog.clone(), CatalogCommand::ChangeService(all.clone()));
    let service = changed.get(&id("srv_laser")).unwrap();
    assert_eq!((&*service.name, &service.name_en), ("새 이름", &None));
    assert_eq!((service.duration, service.buffer, service.is_active), (30, 0, false));
    assert_eq!(changed.decide(CatalogCommand::ChangeService(all)), Ok(vec![]));
    let wrong = ServiceChange { name: Some("x".into()), buffer: Some(61), is_active: Some(false), ..none() };
    let Err(CatalogRejection::OutOfRange(faults)) = change(wrong) else { panic!("it was changed") };
    assert_eq!(
        faults.to_string(),
        "name: 2 to 100 visible characters on one line; bufferMinutes: 0 to 60 minutes"
    );
    assert_eq!(change(none()), Ok(vec![]));
}

#[test]
fn what_a_change_leaves_out_stays_as_the_deciding_state_has_it() {
    // Two requests that were made of the same state; the second is decided after the first.
    let first = ServiceChange { name: Some("새 이름".into()), ..ServiceChange::none(id("srv_skin_care")) };
    let second =
        ServiceChange { name_en: Some(Some("New".into())), ..ServiceChange::none(id("srv_skin_care")) };
    let catalog = [first, second].map(CatalogCommand::ChangeService).into_iter().fold(seeded(), applied);
    let service = catalog.by_code("SKIN_CARE").unwrap();
    assert_eq!((&*service.name, service.name_en.as_deref()), ("새 이름", Some("New")));
}

#[test]
fn the_legacy_view_tells_services_apart_by_their_old_values() {
    let told_apart = |catalog: &Catalog| -> Vec<Box<str>> {
        let services = catalog.in_order().into_iter();
        let services = services.filter(|service| catalog.is_told_apart_by_legacy_view(service));
        services.map(|service| service.code.clone()).collect()
    };
    assert_eq!(told_apart(&seeded()).len(), 6);
    let codes = told_apart(&applied(seeded(), define(laser())));
    assert_eq!(codes.len(), 5);
    assert!(!codes.contains(&"LASER".into()) && !codes.contains(&"OTHER_CONSULTATION".into()));
}

fn limit_change(service: &str) -> LimitChange {
    LimitChange::none(id(service))
}

#[test]
fn a_limit_keeps_what_a_change_leaves_out_and_records_a_new_reason() {
    let limited = |change| CatalogCommand::ChangeServiceLimit(change);
    let minutes = LimitChange { daily_limit_minutes: Some(Some(240)), ..limit_change("srv_skin_care") };
    let catalog = applied(seeded(), limited(minutes));
    let limit = catalog.by_code("SKIN_CARE").unwrap().limit;
    assert_eq!(limit, Some(Limit { daily_limit: 10, daily_limit_minutes: Some(240), is_active: true }));
    let reason = LimitChange { reason: Some("painting".into()), ..limit_change("srv_skin_care") };
    assert_eq!(catalog.decide(limited(reason.clone())).unwrap().len(), 1, "the reason is new");
    let catalog = applied(catalog, limited(reason.clone()));
    assert_eq!(catalog.limit_reason(&id("srv_skin_care")), Some("painting"));
    assert_eq!(catalog.decide(limited(reason)), Ok(vec![]));
    let catalog = applied(catalog, define(laser()));
    let first = LimitChange { is_active: Some(true), ..limit_change("srv_laser") };
    assert_eq!(catalog.decide(limited(first)), Err(CatalogRejection::LimitMissing));
}
