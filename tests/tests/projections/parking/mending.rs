//! Mending: what was parked is taken in late, and both views end as a rebuild has them.

use daybook_commands::ReservationChange;
use daybook_domain::catalog::{CatalogCommand, ServiceDraft, ServiceRenamed, ServiceRetimed};
use daybook_domain::phone::Phone;
use daybook_domain::{ReadModel, ServiceId};
use daybook_projections::BlockingKey;
use daybook_projections::parked::{self, RetryReport, RetryScope};
use daybook_projections::{ViewError, generation};
use daybook_tests::clinic::{Clinic, desk, request};

use super::damage::*;
use crate::history::{Dice, live_through};

/// As another process does it, beside the one that leads.
async fn retry(clinic: &Clinic, which: RetryScope) -> Result<Vec<RetryReport>, ViewError> {
    parked::retry(&*clinic.log, &fresh_vault(clinic.pool.clone()), &clinic.pool, &which).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_put_back_and_an_event_that_is_understood_again_bring_back_what_waited() {
    for seed in 41..44 {
        let clinic = idle_clinic().await;
        let mut dice = Dice::new(seed);
        live_through(&clinic, &mut dice, 60).await;
        let (lost, odd) = (book(&clinic, 2, None).await, book(&clinic, 11, Some("창가 자리")).await);
        change(&clinic, 11, &odd, ReservationChange::Confirm).await;
        live_through_more(&clinic, &mut dice).await;
        change(&clinic, 2, &lost, ReservationChange::WriteAdminNote("확인".into())).await;
        let position = events_of(&clinic, &odd).await[0];
        let kind = rename(&clinic, position, "ReservationTeleported").await;
        let key = LostKey::of(&clinic, events_of(&clinic, &lost).await[0]).await;
        let keeper = Keeper::start(&clinic, "first");
        clinic.settled().await.unwrap();
        assert!(!parked(&clinic).await.is_empty());
        let (rows, views) = (parked(&clinic).await, shown(&clinic).await);
        let refused = retry(&clinic, RetryScope::All).await;
        assert!(matches!(refused, Err(ViewError::Event { .. })), "{refused:?}");
        assert_eq!((parked(&clinic).await, shown(&clinic).await), (rows, views), "nothing was changed");

        key.put_back(&clinic).await;
        let unknown = retry(&clinic, RetryScope::One(BlockingKey::named("nobody"))).await;
        assert!(matches!(unknown, Err(ViewError::NotBlocked(_))), "{unknown:?}");
        let mended = retry(&clinic, RetryScope::One(BlockingKey::named(lost.as_str()))).await.unwrap();
        assert_eq!(mended.len(), 2, "{mended:?}");
        rename(&clinic, position, &kind).await;
        let mended = retry(&clinic, RetryScope::All).await.unwrap();
        assert!(mended.iter().all(|one| one.parked == 0), "{mended:?}");
        assert_eq!(parked(&clinic).await, []);
        change(&clinic, 2, &lost, ReservationChange::Confirm).await;
        clinic.settled().await.unwrap();
        assert_as_rebuilt(&clinic).await;
        keeper.stop().await;
    }
}

/// More of a clinic's life, with its patients forgotten now and then.
async fn live_through_more(clinic: &Clinic, dice: &mut Dice) {
    for _ in 0..10 {
        let patient = 100 + dice.roll(8);
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        match dice.roll(4) {
            0 => drop(clinic.commands.forget(&phone, desk()).await.unwrap()),
            _ => {
                let wanted = request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
                drop(clinic.commands.request(wanted, desk()).await);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_while_parked_does_not_come_back_and_what_was_booked_since_stays() {
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
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    for patient in [3, 4] {
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        let forgotten = clinic.commands.forget(&phone, desk()).await.unwrap();
        assert_eq!(forgotten.keys.len(), 1);
    }
    // Both come back, on a page that the write side can read.
    for patient in [3, 4] {
        let wanted = request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
        clinic.commands.request(wanted, desk()).await.unwrap();
    }
    clinic.settled().await.unwrap();
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
    keeper.stop().await;
}

/// The key was lost when its patient was forgotten, so nobody destroyed it; then a backup brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_that_comes_back_does_not_bring_back_who_was_forgotten_meanwhile() {
    let clinic = idle_clinic().await;
    let first = book(&clinic, 3, Some("비밀")).await;
    let position = events_of(&clinic, &first).await[0];
    let key = LostKey::of(&clinic, position).await;
    clinic.vault.evict(&[key.id()]);
    let keeper = Keeper::start(&clinic, "first");
    let wanted = request(3, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
    clinic.commands.request(wanted, desk()).await.unwrap();
    let phone = Phone::parse("010-1000-0003").unwrap();
    let forgotten = clinic.commands.forget(&phone, desk()).await.unwrap();
    assert!(forgotten.keys.len() == 1 && !forgotten.keys.contains(&key.id()), "{forgotten:?}");
    clinic.settled().await.unwrap();
    assert_eq!(positions(&parked(&clinic).await, "dynamic_1"), [position]);
    key.put_back(&clinic).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    let shown = format!("{:?}", shown(&clinic).await);
    assert!(shown.contains(first.as_str()) && !shown.contains("비밀"), "{shown}");
    assert_as_rebuilt(&clinic).await;
    keeper.stop().await;
}

/// The event that forgets is itself parked: others' goes on, and what it erases late is what it would have erased then.
#[tokio::test(flavor = "multi_thread")]
async fn forgetting_that_was_parked_erases_what_there_was_by_then() {
    let clinic = idle_clinic().await;
    book(&clinic, 3, Some("비밀")).await;
    book(&clinic, 5, Some("비밀")).await;
    let forget = async |patient: u32| {
        let phone = Phone::parse(&format!("010-1000-{patient:04}")).unwrap();
        clinic.commands.forget(&phone, desk()).await.unwrap();
    };
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    keeper.stop().await;
    forget(3).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT max(position) FROM event_log.events WHERE stream = 'privacy-main'";
    let position: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    let kind = rename(&clinic, position, "SubjectTeleported").await;
    forget(5).await;
    book(&clinic, 3 + 8, None).await;
    let wanted = request(3, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
    let back = clinic.commands.request(wanted, desk()).await.unwrap().reservation;
    let keeper = Keeper::start(&clinic, "second");
    clinic.settled().await.unwrap();
    assert_eq!(positions(&parked(&clinic).await, "legacy_1"), [position]);
    let erased = async || {
        let sql = r#"SELECT count(*) FROM legacy_1.reservations WHERE "patientName" = '(erased)'"#;
        client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert_eq!(erased().await, 1, "another patient's forgetting goes on");
    rename(&clinic, position, &kind).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    assert_eq!(erased().await, 2);
    assert!(ids(&clinic, ReadModel::Legacy).await.contains(back.as_str()));
    assert_as_rebuilt(&clinic).await;
    keeper.stop().await;
}

/// One view refuses a change of the catalog that the other takes: each goes on from what it holds itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_one_view_lacks_is_not_taken_from_the_other() {
    let clinic = idle_clinic().await;
    let dear = ServiceDraft { base_price: Some(90_000), ..scalp() };
    clinic.commands.change_catalog(CatalogCommand::DefineService(dear), desk()).await.unwrap();
    let service = ServiceId::parse("srv_body_care").unwrap();
    let retime = async |duration: u32| {
        let retimed = ServiceRetimed { service: service.clone(), duration, buffer: 5 };
        clinic.commands.change_catalog(CatalogCommand::RetimeService(retimed), desk()).await.unwrap();
    };
    let client = clinic.database.connect().await.unwrap();
    let cheap =
        r#"ALTER TABLE dynamic_1.services ADD CONSTRAINT cheap CHECK ("basePrice" < 80000) NOT VALID"#;
    client.batch_execute(cheap).await.unwrap();
    let durations = async || {
        let sql = r#"SELECT d."durationMinutes", l."durationMinutes" FROM dynamic_1.services d JOIN legacy_1.services l USING (id)
                     WHERE id = 'srv_body_care'"#;
        let row = client.query_one(sql, &[]).await.unwrap();
        [row.get::<_, i32>(0), row.get(1)]
    };
    let [before, _] = durations().await;
    let keeper = Keeper::start(&clinic, "first");
    retime(45).await;
    clinic.settled().await.unwrap();
    keeper.stop().await;
    // Whoever comes next reads the catalog of each from the log, without what that one lacks.
    let keeper = Keeper::start(&clinic, "second");
    let renamed =
        ServiceRenamed {
            service: service.clone(), name: "몸 관리".into(), name_en: None, description: None
        };
    clinic.commands.change_catalog(CatalogCommand::RenameService(renamed), desk()).await.unwrap();
    clinic.settled().await.unwrap();
    assert_eq!(durations().await, [before, 45]);
    keeper.stop().await;
    let found = parked(&clinic).await;
    assert_eq!(
        (positions(&found, "legacy_1").len(), positions(&found, "dynamic_1").len()),
        (0, 3),
        "{found:?}"
    );
    assert!(found[0].cause.as_deref().unwrap().contains("SQLSTATE 23514"), "{found:?}");
    client.batch_execute("ALTER TABLE dynamic_1.services DROP CONSTRAINT cheap").await.unwrap();
    let mended = retry(&clinic, RetryScope::All).await.unwrap();
    assert_eq!(mended.len(), 1, "{mended:?}");
    assert_eq!((durations().await, parked(&clinic).await), ([45, 45], vec![]));
    let keeper = Keeper::start(&clinic, "third");
    assert_as_rebuilt(&clinic).await;
    keeper.stop().await;
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

/// A service that was not taken in: the dynamic view refuses its bookings, the legacy one takes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_comes_late_brings_its_bookings_and_the_leader_knows_of_it() {
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
    let wanted = request(1, "srv_scalp", "2026-12-30", "14:00", ReadModel::Dynamic);
    let booked = clinic.commands.request(wanted, desk()).await.unwrap().reservation;
    let kind = rename(&clinic, defined, "ServiceTeleported").await;
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    let found = parked(&clinic).await;
    let of_legacy: Vec<&str> =
        found.iter().filter(|row| row.generation == "legacy_1").map(|row| &*row.held_up).collect();
    assert_eq!(of_legacy, ["catalog-main", "catalog-main"]);
    let refused = found.iter().find(|row| row.held_up == booked.as_str()).unwrap();
    assert_eq!(refused.generation, "dynamic_1");
    assert!(refused.cause.as_deref().unwrap().contains("SQLSTATE 23503"), "{refused:?}");
    keeper.stop().await;
    let keeper = Keeper::start(&clinic, "second");
    book(&clinic, 2, None).await;
    clinic.settled().await.unwrap();
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert_eq!(verdict.differing, 1, "only the booking that one of them lacks: {verdict:?}");
    rename(&clinic, defined, &kind).await;
    retry(&clinic, RetryScope::All).await.unwrap();
    // The leader has not seen the services that came by another process; it must not write the tables without them.
    rename_service("두피와 모발").await;
    clinic.settled().await.unwrap();
    assert!(
        generation::live(&clinic.pool.get().await.unwrap()).await.unwrap().iter().all(|one| one.parked == 0)
    );
    assert_as_rebuilt(&clinic).await;
    keeper.stop().await;
}
