//! Dropped views are rebuilt from the log, and a rebuild does not disturb reads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daybook_tests::process::{Installation, LogKind, Service};
use serde_json::Value;

use crate::client::{EXPORT, EXPORT_ROWS, RESERVATIONS, client, form, get, send, wait_until, working_day};
use crate::tables::{VIEWS, ids};

/// Reservations of the export and of later bookings.
const ALL: usize = EXPORT_ROWS + 5;

/// Number of consecutive rebuilds.
const REBUILDS: usize = 3;

/// A clinic with imported and new bookings, and its running service.
async fn busy_clinic(log: LogKind) -> (Installation, Service) {
    let clinic = Installation::open_on(log).await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let service = clinic.serve().await.unwrap();
    for (patient, start) in ["09:00", "10:00", "11:00", "오후", "점심 지나서"].into_iter().enumerate()
    {
        let form = form(patient, "OTHER_CONSULTATION", working_day(3), start);
        send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    }
    let database = clinic.connect().await.unwrap();
    for view in VIEWS {
        wait_until("the views to hold all reservations", async || match ids(&database, view).await.len() {
            ALL => Ok(()),
            count => Err(format!("{count} of {ALL} in {view}")),
        })
        .await;
    }
    (clinic, service)
}

async fn verdict(clinic: &Installation) -> Value {
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    verdict
}

/// The digest of a view in any generation.
fn digest<'a>(verdict: &'a Value, view: &str) -> (&'a str, &'a str) {
    let digests = verdict["digests"].as_object().unwrap();
    let (generation, digest) = digests.iter().find(|(generation, _)| generation.starts_with(view)).unwrap();
    (generation, digest.as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_views_are_rebuilt_to_equal_digests_while_the_service_runs() {
    drop_and_rebuild(LogKind::Database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_views_are_rebuilt_from_event_store_db() {
    drop_and_rebuild(LogKind::EventStoreDb).await;
}

async fn drop_and_rebuild(log: LogKind) {
    let (clinic, service) = busy_clinic(log).await;
    let (before, database) = (verdict(&clinic).await, clinic.connect().await.unwrap());
    for view in VIEWS {
        let (generation, _) = digest(&before, view);
        database.batch_execute(&format!("DROP SCHEMA {generation} CASCADE")).await.unwrap();
    }
    for view in VIEWS {
        clinic.run(&["projection", "rebuild", view, "--yes", "--json"]).await.unwrap().json().unwrap();
    }
    let after = verdict(&clinic).await;
    for view in VIEWS {
        let ((old, digest_before), (new, digest_after)) = (digest(&before, view), digest(&after, view));
        assert_ne!(old, new, "the name of a generation must not be reused");
        assert_eq!(digest_before, digest_after, "{view}");
        let rows = after["reservations"][new].as_u64();
        assert_eq!((rows, before["reservations"][old].as_u64()), (Some(ALL as u64), rows));
    }
    // The service finds the new views by itself and keeps them up to date.
    let form = form(90, "OTHER_CONSULTATION", working_day(4), "09:00");
    let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_until("the rebuilt views to hold a new booking", async || {
        let request = client().get(service.url("/api/public/services"));
        match send(request.header("Daybook-At-Least", &booked.position)).await.unwrap() {
            response if response.status == 200 => Ok(()),
            response => Err(format!("{response:?}")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_generation_answers_reads_while_a_rebuild_runs() {
    let (clinic, service) = busy_clinic(LogKind::Database).await;
    let (service, is_over) = (Arc::new(service), Arc::new(AtomicBool::new(false)));
    let reader = tokio::spawn(read_until(Arc::clone(&service), Arc::clone(&is_over)));
    for number in 1..=REBUILDS {
        let rebuilt =
            clinic.run(&["projection", "rebuild", "--yes", "--json"]).await.unwrap().json().unwrap();
        assert_eq!(rebuilt["compared"], true, "{rebuilt}");
        let newest = format!("legacy_{}", number + 1);
        wait_until("the new generation to answer reads", async || {
            let response = get(&client(), &service, "/api/public/services").await.unwrap().ok();
            if response.generation == newest { Ok(()) } else { Err(response.generation) }
        })
        .await;
    }
    is_over.store(true, Ordering::Relaxed);
    let generations = reader.await.unwrap();
    assert!(generations.is_sorted(), "reads must not return to an old generation");
    let different: BTreeSet<u32> = generations.iter().copied().collect();
    assert_eq!(different, (1..=1 + REBUILDS as u32).collect(), "each generation must have answered reads");
}

/// Reads in a loop; every response must be a 200. Returns the generation number of each.
async fn read_until(service: Arc<Service>, is_over: Arc<AtomicBool>) -> Vec<u32> {
    let (client, mut generations) = (client(), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let path = format!("/api/public/reservations/time-slots?service=SKIN_CARE&date={}", working_day(3));
        let response = get(&client, &service, &path).await.expect("a response").ok();
        generations.push(response.generation.strip_prefix("legacy_").unwrap().parse().unwrap());
    }
    generations
}
