//! Comparing the views: what is wrong is found and named, what cannot be equal is counted.

use daybook_domain::ReadModel;
use daybook_projections::verify;
use daybook_tests::clinic::{Clinic, desk, request};

use crate::history::{Dice, live_through};

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_leave_the_views_in_agreement() {
    for seed in 20..23 {
        let clinic = Clinic::open().await.unwrap();
        live_through(&clinic, &mut Dice::new(seed), 150).await;
        clinic.settled().await.unwrap();
        let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
        assert!(verdict.agrees(), "seed {seed}: {verdict:?}");
        let [legacy, dynamic] = verdict.digests.values().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(legacy, dynamic);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_field_is_found_and_named_without_showing_a_patients_details() {
    let clinic = Clinic::open().await.unwrap();
    for patient in 0..20 {
        let wanted = request(patient, "srv_wrinkle_botox", "2026-12-10", "오전", ReadModel::Legacy);
        let _ = clinic.commands.request(wanted, desk()).await;
    }
    clinic.settled().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let changed = client
        .query_one(
            r#"UPDATE dynamic_1.reservations SET status = 'CONFIRMED', "patientName" = 'Somebody Else'
               WHERE id = (SELECT min(id) FROM dynamic_1.reservations) RETURNING id"#,
            &[],
        )
        .await
        .unwrap();
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(!verdict.agrees() && !verdict.kept_digests_agree);
    assert_eq!(verdict.differing, 1);
    let difference = &verdict.differences[0];
    assert_eq!(difference.reservation, changed.get::<_, String>(0));
    let told = format!("{:?}", difference.fields);
    assert!(
        told.contains("PENDING") && told.contains("CONFIRMED") && told.contains("patient_name"),
        "{told}"
    );
    assert!(!told.contains("Somebody") && !told.contains('홍'), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_reservation_is_found() {
    let clinic = Clinic::open().await.unwrap();
    let wanted = request(1, "srv_wrinkle_botox", "2026-12-10", "10:00", ReadModel::Legacy);
    clinic.commands.request(wanted, desk()).await.unwrap();
    clinic.settled().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("DELETE FROM legacy_1.reservations").await.unwrap();
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert_eq!((verdict.differing, verdict.agrees()), (1, false));
}
