//! The first start, and changes to the clinic that reach every process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use daybook_commands::{CommandError, SeedOutcome};
use daybook_domain::ServiceId;
use daybook_domain::catalog::{CatalogCommand, ServiceChange, ServiceLimitSet};
use daybook_domain::routing::{DynamicShareSet, RolloutPercentage, RoutingCommand};
use daybook_domain::schedule::Rejection;
use futures_util::future::join_all;

use crate::clinic::{Clinic, staff, tuesday, until, wanted};

const NOTHING: SeedOutcome = SeedOutcome { catalog_events: 0, hours_events: 0, routing_events: 0 };

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_initialize_a_clinic_once() {
    let clinic = Clinic::empty().await;
    let processes = join_all((0..4).map(|_| clinic.process())).await;
    let seeded = join_all(processes.iter().map(|process| process.commands.seed())).await;
    let seeded: Vec<SeedOutcome> = seeded.into_iter().map(Result::unwrap).collect();
    let sum = |events: fn(&SeedOutcome) -> usize| seeded.iter().map(events).sum::<usize>();
    let made = (sum(|s| s.catalog_events), sum(|s| s.hours_events), sum(|s| s.routing_events));
    assert_eq!(made, (12, 6, 1));
    assert_eq!(processes[0].all_events().await.len(), 19);
    for process in &processes {
        let commands = &process.commands;
        assert_eq!(commands.catalog().in_order().len(), 6);
        assert_eq!(commands.hours().week().count(), 11);
        assert_eq!(commands.routing().salt, processes[0].commands.routing().salt);
        assert!(commands.routing().salt.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_start_keeps_the_changes_of_staff() {
    let (clinic, process) = Clinic::set_up().await;
    let service = ServiceId::parse("srv_skin_care").unwrap();
    let limit = ServiceLimitSet {
        service: service.clone(),
        daily_limit: 3,
        daily_limit_minutes: Some(240),
        is_active: true,
        reason: Some("one room is being painted".into()),
    };
    process.commands.change_catalog(CatalogCommand::SetServiceLimit(limit), staff()).await.unwrap();
    let renamed =
        ServiceChange { name: Some("피부 관리".into()), ..ServiceChange::none(service.clone()) };
    process.commands.change_catalog(CatalogCommand::ChangeService(renamed), staff()).await.unwrap();
    let later = clinic.process().await;
    assert_eq!(later.commands.seed().await.unwrap(), NOTHING);
    assert_eq!(later.commands.catalog().get(&service).unwrap().limit.unwrap().daily_limit, 3);
}

/// An operator discards such an event with a running program, so the program has to come up; nothing is sold meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_write_side_opens_with_an_unknown_event_in_every_followed_stream_and_records_nothing() {
    let (clinic, process) = Clinic::set_up().await;
    process.book(wanted(1, "srv_skin_care", tuesday(), "10:00")).await.unwrap();
    let plant = "
        INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
        SELECT (SELECT max(position) + 1 FROM event_log.events),
               (SELECT coalesce(max(revision) + 1, 0) FROM event_log.events WHERE stream = $1),
               gen_random_uuid(), $1, 'ClinicTeleported', '{}', (SELECT metadata FROM event_log.events LIMIT 1)";
    let client = clinic.database.connect().await.unwrap();
    for stream in ["catalog-main", "hours-main", "routing-main", "privacy-main"] {
        client.execute(plant, &[&stream]).await.unwrap();
    }
    let later = clinic.process().await;
    let refused = later.book(wanted(2, "srv_skin_care", tuesday(), "14:00")).await;
    assert!(matches!(refused, Err(CommandError::Codec { .. })), "{refused:?}");
    let seeded = later.commands.seed().await;
    assert!(matches!(seeded, Err(CommandError::Codec { .. })), "{seeded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_one_process_takes_effect_in_the_other() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let deactivate = CatalogCommand::DeactivateService(ServiceId::parse("srv_skin_care").unwrap());
    let share =
        DynamicShareSet { share: RolloutPercentage::from_percent(25.0).unwrap(), reason: "a start".into() };
    let changed = one.commands.change_catalog(deactivate.clone(), staff()).await.unwrap();
    one.commands.change_routing(RoutingCommand::SetDynamicShare(share.clone()), staff()).await.unwrap();
    assert_eq!(
        one.commands.routing().share,
        share.share,
        "a change takes effect in its own process immediately"
    );
    until("the other process follows", async || {
        !other.commands.catalog().by_code("SKIN_CARE").unwrap().is_active
            && other.commands.routing().share == share.share
    })
    .await;
    let refused = other.book(wanted(1, "srv_skin_care", tuesday(), "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::ServiceInactive))));
    let again = other.commands.change_catalog(deactivate, staff()).await.unwrap();
    assert_eq!((again.position, again.events), (changed.position, 0), "there was nothing to change");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_schedule_results_from_its_events() {
    let (clinic, process) = Clinic::set_up().await;
    let booked = process.book(wanted(1, "srv_body_care", tuesday(), "오후 2시")).await.unwrap();
    let schedule = clinic.process().await.commands.day_schedule(tuesday()).await.unwrap();
    assert_eq!((schedule.len(), schedule.booking(&booked.reservation)), (1, Some(&booked.booking)));
    assert!(process.commands.day_schedule(tuesday().succ_opt().unwrap()).await.unwrap().is_empty());
}
