//! Routing changes under load: clients notice only a different header.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use daybook_tests::process::{Installation, Service};
use tokio::task::JoinSet;

use crate::client::{client, send, working_day};
use crate::load::{Load, Tolerance};
use crate::tables;

/// Concurrent reading clients, each of which alternates between several names.
const READERS: usize = 8;

/// Names per client.
const NAMES: usize = 8;

/// The required number of reads per second.
const MIN_READS_PER_SECOND: f64 = 200.0;

const BOOKING_PAUSE: Duration = Duration::from_millis(50);

/// How soon a change must take effect.
const IN_FORCE: Duration = Duration::from_secs(1);

/// How long each percentage is observed once it is in force.
const WATCHED: Duration = Duration::from_millis(1200);

/// One answered read.
#[derive(Debug)]
struct Read {
    sent: Instant,
    answered: Instant,
    name: String,
    model: String,
}

/// Reads under the client's own names until the load stops. Every response must be a 200.
async fn read_repeatedly(reader: usize, urls: Vec<String>, load: Load) -> Vec<Read> {
    let (client, mut reads) = (client(), Vec::new());
    while !load.is_stopped() {
        let name = format!("client-{reader}-{}", reads.len() % NAMES);
        let sent = Instant::now();
        let url = &urls[reads.len() % urls.len()];
        let response = send(client.get(url).header("Daybook-Client", &name)).await.expect("a response").ok();
        assert!(response.generation.starts_with(&response.model), "{response:?}");
        reads.push(Read { sent, answered: Instant::now(), name, model: response.model });
    }
    reads
}

fn readers(service: &Service, load: &Load) -> JoinSet<Vec<Read>> {
    let slots = format!("/api/public/reservations/time-slots?service=SKIN_CARE&date={}", working_day(2));
    let services = service.url("/api/public/services");
    let urls = vec![services.clone(), services.clone(), services, service.url(&slots)];
    (0..READERS).map(|reader| read_repeatedly(reader, urls.clone(), load.clone())).collect()
}

/// Changes the routing by command. Returns the time span in which the change was in force.
async fn change(clinic: &Installation, arguments: &[&str]) -> Range<Instant> {
    let command = ["reads"].iter().chain(arguments).chain(&["--reason", "a drill", "--yes", "--json"]);
    clinic.run(&command.copied().collect::<Vec<_>>()).await.unwrap().json().unwrap();
    let in_force = Instant::now() + IN_FORCE;
    // This sleep is the observation period: nothing may go wrong during it.
    tokio::time::sleep_until((in_force + WATCHED).into()).await;
    in_force..Instant::now()
}

/// The models that answered each name during a time span.
fn models(reads: &[Read], during: &Range<Instant>) -> BTreeMap<String, BTreeSet<String>> {
    let mut models: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for read in reads.iter().filter(|read| during.start <= read.sent && read.answered <= during.end) {
        models.entry(read.name.clone()).or_default().insert(read.model.clone());
    }
    models
}

#[track_caller]
fn assert_answered_by(reads: &[Read], during: &Range<Instant>, model: &str) {
    let models = models(reads, during);
    assert_eq!(models.len(), READERS * NAMES, "every client must get responses");
    let only = BTreeSet::from([model.to_owned()]);
    assert!(models.values().all(|models| *models == only), "{model}: {models:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rollout_percentage_is_raised_and_rolled_back_under_load_without_a_failed_request() {
    let clinic = Installation::open_alone().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let (load, since) = (Load::default(), Instant::now());
    let readers = readers(&service, &load);
    let bookers = load.start_slowly(&service, 1, Tolerance::LostConnections, BOOKING_PAUSE);
    let none = change(&clinic, &["set", "--dynamic", "0"]).await;
    let quarter = change(&clinic, &["set", "--dynamic", "25"]).await;
    let all = change(&clinic, &["set", "--dynamic", "100"]).await;
    let rolled_back = change(&clinic, &["rollback"]).await;
    load.stop();
    let reads: Vec<Read> = readers.join_all().await.into_iter().flatten().collect();
    bookers.join_all().await;

    let rate = reads.len() as f64 / since.elapsed().as_secs_f64();
    assert!(rate >= MIN_READS_PER_SECOND, "{rate:.0} reads per second");
    assert_answered_by(&reads, &none, "legacy");
    let sticky = models(&reads, &quarter);
    assert!(sticky.values().all(|models| models.len() == 1), "two models answered one name: {sticky:?}");
    let dynamic = sticky.values().filter(|models| models.contains("dynamic")).count();
    assert!((1..READERS * NAMES / 2).contains(&dynamic), "{dynamic} of {} are dynamic at 25 %", sticky.len());
    assert_answered_by(&reads, &all, "dynamic");
    // This also covers reads sent earlier: no read answered a second after the rollback may come from the dynamic view.
    let late = |read: &&Read| read.answered >= rolled_back.start && read.model != "legacy";
    assert_eq!(reads.iter().filter(late).count(), 0);
    assert_answered_by(&reads, &rolled_back, "legacy");

    assert_eq!(load.unanswered(), 0, "number of failed bookings");
    assert!(load.acknowledged().len() > 10);
    tables::assert_hold_exactly(&clinic.connect().await.unwrap(), &load.acknowledged()).await;
}
