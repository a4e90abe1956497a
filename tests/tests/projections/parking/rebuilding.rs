//! Rebuilds and promotions: they stop at an event that cannot be applied, name it, and leave the live views unchanged.

use daybook_commands::ReservationChange;
use daybook_domain::ReadModel;
use daybook_projections::{Generation, ViewError};
use daybook_tests::clinic::Clinic;

use super::damage::*;
use super::discarding::discard;
use crate::history::{contents, live};

const FIRST: Generation = Generation { model: ReadModel::Legacy, number: 1 };

/// The position at which a rebuild of both views stops, and the reason.
async fn stopping_event(clinic: &Clinic) -> (i64, String) {
    let error = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap_err();
    let ViewError::Event { position, source, .. } = &error else { panic!("{error:?}") };
    (position.to_parts().0, source.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_refused_by_copy_is_traced_to_its_event() {
    let clinic = idle_clinic().await;
    for patient in 0..20 {
        let notes = (patient == 13).then_some("a\u{0}b");
        let id = book(&clinic, patient, notes).await;
        change(&clinic, patient, &id, ReservationChange::Confirm).await;
    }
    let before = contents(&clinic, FIRST).await;
    let (position, cause) = stopping_event(&clinic).await;
    assert!(cause.contains("SQLSTATE 22"), "{cause}");
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT kind FROM event_log.events WHERE position = $1 AND position =
                   (SELECT min(position) + 26 FROM event_log.events WHERE kind = 'ReservationRequested')";
    let kind: String = client.query_one(sql, &[&position]).await.unwrap().get(0);
    assert_eq!(kind, "ReservationRequested");
    assert_eq!(contents(&clinic, FIRST).await, before);
    assert_eq!(live(&clinic, ReadModel::Legacy).await, FIRST);
    // The live views have not reached it: they could still apply it.
    let early = discard(&clinic, position).await;
    assert!(matches!(early, Err(ViewError::AlreadyApplied { .. })), "{early:?}");
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    discard(&clinic, position).await.unwrap();
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}

/// No views exist yet, so none is wrong if the event is left out.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_stops_the_first_rebuild_can_be_discarded() {
    let clinic = Clinic::without_views().await.unwrap();
    let id = book(&clinic, 1, None).await;
    book(&clinic, 2, None).await;
    let first = events_of(&clinic, &id).await[0];
    rename(&clinic, first, "ReservationTeleported").await;
    assert!(matches!(discard(&clinic, first).await, Err(ViewError::NotParked(_))));
    assert_eq!(stopping_event(&clinic).await.0, first);
    discard(&clinic, first).await.unwrap();
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!(ids(&clinic, ReadModel::Legacy).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_with_parked_events_is_not_promoted() {
    let clinic = idle_clinic().await;
    let id = book(&clinic, 1, None).await;
    change(&clinic, 1, &id, ReservationChange::Confirm).await;
    let key = LostKey::of(&clinic, events_of(&clinic, &id).await[0]).await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    key.restore(&clinic).await;
    // Rebuilt views are complete; the incomplete ones are kept unchanged.
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let refused = clinic.rebuild().promote_again(FIRST, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, ViewError::Parked { generation: FIRST, events: 2 }), "{refused:?}");
    assert!(refused.to_string().contains("daybook projection parked list"), "{refused}");
    let vault = fresh_vault(clinic.pool.clone());
    let all = daybook_projections::parked::RetryScope::All;
    daybook_projections::parked::retry(&*clinic.log, &vault, &clinic.pool, &all).await.unwrap();
    let shown = contents(&clinic, live(&clinic, ReadModel::Legacy).await).await;
    clinic.rebuild().promote_again(FIRST, &|_| {}).await.unwrap();
    assert_eq!(contents(&clinic, FIRST).await, shown);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lists_every_failing_event_and_counts_those_that_wait() {
    let clinic = idle_clinic().await;
    let mut expected = Vec::new();
    for patient in 0..9 {
        let id = book(&clinic, patient, None).await;
        change(&clinic, patient, &id, ReservationChange::Confirm).await;
        change(&clinic, patient, &id, ReservationChange::Cancel { reason: None }).await;
        let events = events_of(&clinic, &id).await;
        match patient {
            2 => expected.push(events[1]),
            5 => expected.push(events[0]),
            7 => drop(LostKey::of(&clinic, events[0]).await),
            _ => continue,
        }
        if patient == 7 {
            expected.push(events[0]);
        } else {
            rename(&clinic, *expected.last().unwrap(), "ReservationTeleported").await;
        }
    }
    let trial = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let found: Vec<i64> = trial.failings.events.iter().map(|event| event.position.to_parts().0).collect();
    assert_eq!((found, trial.failings.failing, trial.failings.waiting), (expected, 3, 1 + 2 + 2));
    assert!(trial.views.iter().all(|view| view.reservations == 7), "{trial:?}");
}
