//! Retries: parked events are applied late, and both views then equal a rebuild.

use daybook_commands::ReservationChange;
use daybook_domain::catalog::{CatalogCommand, ServiceDraft, ServiceRenamed, ServiceRetimed};
use daybook_domain::phone::Phone;
use daybook_domain::{ReadModel, ServiceId};
use daybook_projections::BlockingKey;
use daybook_projections::parked::{self, RetryReport, RetryScope};
use daybook_projections::{ViewError, generation};
use daybook_tests::clinic::{Clinic, desk, request};

use super::damage::*;
use crate::history::{TestRng, run_random_steps};

/// Retries as another process does, beside the leader.
async fn retry(clinic: &Clinic, which: RetryScope) -> Result<Vec<RetryReport>, ViewError> {
    parked::retry(&*clinic.log, &fresh_vault(clinic.pool.clone()), &clinic.pool, &which).await
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_a_key_or_an_event_type_lets_waiting_events_be_applied() {
    for seed in 41..44 {
        let clinic = idle_clinic().await;
        let mut rng = TestRng::new(seed);
        run_random_steps(&clinic, &mut rng, 60).await;
        let (lost, renamed) = (book(&clinic, 2, None).await, book(&clinic, 11, Some("창가 자리")).await);
        change(&clinic, 11, &renamed, ReservationChange::Confirm).await;
        run_more_random_steps(&clinic, &mut rng).await;
        change(&clinic, 2, &lost, ReservationChange::WriteAdminNote("확인".into())).await;
        let position = events_of(&clinic, &renamed).await[0];
        let kind = rename(&clinic, position, "ReservationTeleported").await;
        let key = LostKey::of(&clinic, events_of(&clinic, &lost).await[0]).await;
        let engine = RunningEngine::start(&clinic, "first");
        clinic.wait_for_views().await.unwrap();
        assert!(!parked(&clinic).await.is_empty());
        let (rows, views) = (parked(&clinic).await, shown(&clinic).await);
        let refused = retry(&clinic, RetryScope::All).await;
        assert!(matches!(refused, Err(ViewError::Event { .. })), "{refused:?}");
        assert_eq!((parked(&clinic).await, shown(&clinic).await), (rows, views), "nothing must have changed");

        key.restore(&clinic).await;
        let unknown = retry(&clinic, RetryScope::One(BlockingKey::named("nobody"))).await;
        assert!(matches!(unknown, Err(ViewError::NotBlocked(_))), "{unknown:?}");
        let retried = retry(&clinic, RetryScope::One(BlockingKey::named(lost.as_str()))).await.unwrap();
        assert_eq!(retried.len(), 2, "{retried:?}");
        rename(&clinic, position, &kind).await;
        let retried = retry(&clinic, RetryScope::All).await.unwrap();
        assert!(retried.iter().all(|one| one.parked == 0), "{retried:?}");
        assert_eq!(parked(&clinic).await, []);
        change(&clinic, 2, &lost, ReservationChange::Confirm).await;
        clinic.wait_for_views().await.unwrap();
        assert_as_rebuilt(&clinic).await;
        engine.stop().await;
    }
}

/// Continues a history in which patients are sometimes forgotten.
async fn run_more_random_steps(clinic: &Clinic, rng: &mut TestRng) {
    for _ in 0..10 {
        let patient = 100 + rng.below(8);
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        match rng.below(4) {
            0 => drop(clinic.commands.forget(&phone, desk()).await.unwrap()),
            _ => {
                let new_reservation =
                    request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
                drop(clinic.commands.request(new_reservation, desk()).await);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_forgotten_while_parked_stays_forgotten_and_later_bookings_remain() {
    let clinic = idle_clinic().await;
    let entered = book(&clinic, 3, Some("비밀")).await;
    let noted = book(&clinic, 4, Some("비밀")).await;
    change(&clinic, 4, &noted, ReservationChange::WriteAdminNote("비밀".into())).await;
    change(&clinic, 4, &noted, ReservationChange::Confirm).await;
    let broken = [events_of(&clinic, &entered).await[0], events_of(&clinic, &noted).await[1]];
    let mut kinds = Vec::new();
    for position in broken {
        kinds.push(rename(&clinic, position, "ReservationTeleported").await);
    }
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    for patient in [3, 4] {
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        let forgotten = clinic.commands.forget(&phone, desk()).await.unwrap();
        assert_eq!(forgotten.keys.len(), 1);
    }
    // Both book again, on a day that the write side can read.
    for patient in [3, 4] {
        let new_reservation = request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
        clinic.commands.request(new_reservation, desk()).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2 * 3);
    for (position, kind) in broken.into_iter().zip(&kinds) {
        rename(&clinic, position, kind).await;
    }
    retry(&clinic, RetryScope::All).await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    for schema in ["legacy_1", "dynamic_1"] {
        let sql = format!(
            r#"SELECT count(*) FILTER (WHERE "patientName" = '(erased)'), count(*), count("adminNotes")
               FROM {schema}.reservations"#
        );
        let row = client.query_one(&sql, &[]).await.unwrap();
        assert_eq!([row.get::<_, i64>(0), row.get(1), row.get(2)], [2, 4, 0], "{schema}");
    }
    assert!(!format!("{:?}", shown(&clinic).await).contains("비밀"));
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}

/// The key was lost when its patient was forgotten, so it was not destroyed; later a backup restores it.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_key_does_not_reveal_a_patient_forgotten_meanwhile() {
    let clinic = idle_clinic().await;
    let first = book(&clinic, 3, Some("비밀")).await;
    let position = events_of(&clinic, &first).await[0];
    let key = LostKey::of(&clinic, position).await;
    clinic.vault.evict(&[key.id()]);
    let engine = RunningEngine::start(&clinic, "first");
    let new_reservation = request(3, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
    clinic.commands.request(new_reservation, desk()).await.unwrap();
    let phone = Phone::parse("010-1000-0003").unwrap();
    let forgotten = clinic.commands.forget(&phone, desk()).await.unwrap();
    assert!(forgotten.keys.len() == 1 && !forgotten.keys.contains(&key.id()), "{forgotten:?}");
    clinic.wait_for_views().await.unwrap();
    assert_eq!(positions(&parked(&clinic).await, "dynamic_1"), [position]);
    key.restore(&clinic).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    let shown = format!("{:?}", shown(&clinic).await);
    assert!(shown.contains(first.as_str()) && !shown.contains("비밀"), "{shown}");
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}

/// The forgetting event itself is parked: events of other patients continue, and the late erasure has the same effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_forgetting_erases_what_it_would_have_erased_in_time() {
    let clinic = idle_clinic().await;
    book(&clinic, 3, Some("비밀")).await;
    book(&clinic, 5, Some("비밀")).await;
    let forget = async |patient: u32| {
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        clinic.commands.forget(&phone, desk()).await.unwrap();
    };
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    engine.stop().await;
    forget(3).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT max(position) FROM event_log.events WHERE stream = 'privacy-main'";
    let position: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    let kind = rename(&clinic, position, "SubjectTeleported").await;
    forget(5).await;
    book(&clinic, 3 + 8, None).await;
    let new_reservation = request(3, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
    let back = clinic.commands.request(new_reservation, desk()).await.unwrap().reservation;
    let engine = RunningEngine::start(&clinic, "second");
    clinic.wait_for_views().await.unwrap();
    assert_eq!(positions(&parked(&clinic).await, "legacy_1"), [position]);
    let erased = async || {
        let sql = r#"SELECT count(*) FROM legacy_1.reservations WHERE "patientName" = '(erased)'"#;
        client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(erased().await, 1, "the forgetting of another patient must not wait");
    rename(&clinic, position, &kind).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    assert_eq!(erased().await, 2);
    assert!(ids(&clinic, ReadModel::Legacy).await.contains(back.as_str()));
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}

/// One view rejects a catalog change that the other one applies. Each continues with its own catalog.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_does_not_use_the_catalog_of_the_other_view() {
    let clinic = idle_clinic().await;
    let expensive = ServiceDraft { base_price: Some(90_000), ..scalp() };
    clinic.commands.change_catalog(CatalogCommand::DefineService(expensive), desk()).await.unwrap();
    let service = ServiceId::parse("srv_body_care").unwrap();
    let retime = async |duration: u32| {
        let retimed = ServiceRetimed { service: service.clone(), duration, buffer: 5 };
        clinic.commands.change_catalog(CatalogCommand::RetimeService(retimed), desk()).await.unwrap();
    };
    let client = clinic.database.connect().await.unwrap();
    let constraint =
        r#"ALTER TABLE dynamic_1.services ADD CONSTRAINT cheap CHECK ("basePrice" < 80000) NOT VALID"#;
    client.batch_execute(constraint).await.unwrap();
    let durations = async || {
        let sql = r#"SELECT d."durationMinutes", l."durationMinutes" FROM dynamic_1.services d JOIN legacy_1.services l USING (id)
                     WHERE id = 'srv_body_care'"#;
        let row = client.query_one(sql, &[]).await.unwrap();
        [row.get::<_, i32>(0), row.get(1)]
    };
    let [before, _] = durations().await;
    let engine = RunningEngine::start(&clinic, "first");
    retime(45).await;
    clinic.wait_for_views().await.unwrap();
    engine.stop().await;
    // The next leader reads the catalog of each view from the log, without the change that the view lacks.
    let engine = RunningEngine::start(&clinic, "second");
    let renamed =
        ServiceRenamed {
            service: service.clone(), name: "몸 관리".into(), name_en: None, description: None
        };
    clinic.commands.change_catalog(CatalogCommand::RenameService(renamed), desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    assert_eq!(durations().await, [before, 45]);
    engine.stop().await;
    let found = parked(&clinic).await;
    assert_eq!(
        (positions(&found, "legacy_1").len(), positions(&found, "dynamic_1").len()),
        (0, 3),
        "{found:?}"
    );
    assert!(found[0].cause.as_deref().unwrap().contains("SQLSTATE 23514"), "{found:?}");
    client.batch_execute("ALTER TABLE dynamic_1.services DROP CONSTRAINT cheap").await.unwrap();
    let retried = retry(&clinic, RetryScope::All).await.unwrap();
    assert_eq!(retried.len(), 1, "{retried:?}");
    assert_eq!((durations().await, parked(&clinic).await), ([45, 45], vec![]));
    let engine = RunningEngine::start(&clinic, "third");
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}

/// The service of a history.
fn scalp() -> ServiceDraft {
    ServiceDraft {
        service: ServiceId::parse("srv_scalp").unwrap(),
        code: "SCALP".into(),
        legacy: None,
        name: "두피케어".into(),
        name_en: None,
        description: None,
        category: None,
        duration: 20,
        buffer: 5,
        base_price: None,
    }
}

/// A service that could not be applied: the dynamic view rejects its bookings, the legacy one accepts them.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_service_unblocks_its_bookings_and_the_leader_notices() {
    let clinic = idle_clinic().await;
    let service = ServiceId::parse("srv_scalp").unwrap();
    clinic.commands.change_catalog(CatalogCommand::DefineService(scalp()), desk()).await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT max(position) FROM event_log.events WHERE stream = 'catalog-main'";
    let defined: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    let rename_service = async |name: &str| {
        let renamed =
            ServiceRenamed { service: service.clone(), name: name.into(), name_en: None, description: None };
        clinic.commands.change_catalog(CatalogCommand::RenameService(renamed), desk()).await.unwrap();
    };
    rename_service("두피").await;
    let new_reservation = request(1, "srv_scalp", "2026-12-30", "14:00", ReadModel::Dynamic);
    let booked = clinic.commands.request(new_reservation, desk()).await.unwrap().reservation;
    let kind = rename(&clinic, defined, "ServiceTeleported").await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    let of_legacy: Vec<&str> =
        found.iter().filter(|row| row.generation == "legacy_1").map(|row| &*row.held_up).collect();
    assert_eq!(of_legacy, ["catalog-main", "catalog-main"]);
    let refused = found.iter().find(|row| row.held_up == booked.as_str()).unwrap();
    assert_eq!(refused.generation, "dynamic_1");
    assert!(refused.cause.as_deref().unwrap().contains("SQLSTATE 23503"), "{refused:?}");
    engine.stop().await;
    let engine = RunningEngine::start(&clinic, "second");
    book(&clinic, 2, None).await;
    clinic.wait_for_views().await.unwrap();
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert_eq!(verdict.differing, 1, "only the booking that one view lacks may differ: {verdict:?}");
    rename(&clinic, defined, &kind).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    // The leader has not seen the services that another process added. It must not write the tables without them.
    rename_service("두피와 모발").await;
    clinic.wait_for_views().await.unwrap();
    assert!(
        generation::live(&clinic.pool.get().await.unwrap()).await.unwrap().iter().all(|one| one.parked == 0)
    );
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
}
