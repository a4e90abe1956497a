//! A log restored from a backup that is older than the views: nothing is appended that the views would skip.

use daybook_tests::process::Installation;

use crate::client::{RESERVATIONS, client, form, send, working_day};
use crate::tables::{VIEWS, ids, wait_for};

/// Removes the last event of the log, as if it were newer than the backup.
const LOSE_THE_LAST_EVENT: &str = "\
    SET session_replication_role = replica; \
    DELETE FROM event_log.events WHERE position = (SELECT max(position) FROM event_log.events)";

#[tokio::test(flavor = "multi_thread")]
async fn views_ahead_of_the_log_are_not_served_until_they_are_rebuilt() {
    let clinic = Installation::open().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let mut booked = Vec::new();
    for (patient, start) in ["09:00", "10:00"].into_iter().enumerate() {
        let form = form(patient, "OTHER_CONSULTATION", working_day(3), start);
        let response = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
        booked.push(response.id().to_owned());
    }
    let database = clinic.connect().await.unwrap();
    wait_for(&database, &booked.iter().cloned().collect()).await;
    service.kill().await.unwrap();
    clinic.connect().await.unwrap().batch_execute(LOSE_THE_LAST_EVENT).await.unwrap();

    for refused in [&["serve"][..], &["reads", "set", "--dynamic", "5", "--reason", "a test", "--yes"]] {
        let output = clinic.run(refused).await.unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{refused:?}: {}", output.stderr);
        assert!(output.stderr.contains("daybook projection rebuild all"), "{}", output.stderr);
    }
    clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
    clinic.run(&["projection", "rebuild", "all", "--yes", "--json"]).await.unwrap().json().unwrap();
    let service = clinic.serve().await.unwrap();
    for view in VIEWS {
        assert_eq!(ids(&database, view).await, [booked[0].clone()], "{view}");
    }
    let form = form(7, "OTHER_CONSULTATION", working_day(3), "14:00");
    let again = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_for(&database, &[booked[0].clone(), again.id().to_owned()].into()).await;
}
