//! Fifty kills at random times: of the service that keeps the views up to date during bookings, and of rebuilds beside
//! it. The live views stay exact.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use daybook_tests::process::{Installation, Service};
use serde_json::Value;
use tokio_postgres::Client;

use crate::client::wait_until;
use crate::load::{Load, Tolerance};
use crate::tables;

/// Number of kills of the service, and of rebuilds.
const KILLS: usize = 25;

/// Number of each kill between two full comparisons.
const KILLS_BETWEEN_CHECKS: usize = 5;

/// Concurrent clients, and their pause between bookings, so that the days of a year suffice.
const CLIENTS: usize = 4;
const BOOKING_PAUSE: Duration = Duration::from_millis(60);

/// The longest delay between a start and its kill: about the time of a rebuild, including the start of its process.
const LATEST: Duration = Duration::from_millis(600);

const LEFT: &str = "SELECT state || coalesce(' ' || phase, '') FROM control.generations
    WHERE state IN ('building', 'failed') ORDER BY model LIMIT 1";

/// Random delays from a seed, which is printed.
struct RandomDelays(u64);

impl RandomDelays {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Self(now.as_nanos() as u64 | 1)
    }

    async fn sleep(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The random delay is the test; there is no condition to wait for.
        tokio::time::sleep(LATEST.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)).await;
    }
}

/// Kills a rebuild at a random time. Returns its leftovers in the control tables.
async fn kill_a_rebuild(clinic: &Installation, database: &Client, delays: &mut RandomDelays) -> String {
    let command = clinic.command(&["projection", "rebuild", "all", "--yes"], &[]).await;
    let mut rebuild = command.unwrap().spawn().unwrap();
    delays.sleep().await;
    rebuild.kill().await.unwrap();
    let left = database.query_opt(LEFT, &[]).await.unwrap();
    left.map_or_else(|| "nothing".to_owned(), |row| row.get(0))
}

/// Checks that the live views hold all acknowledged bookings, agree, and equal a rebuild.
async fn check_views(clinic: &Installation, service: &Service, database: &Client, load: &Load) {
    load.finish(service).await;
    tables::assert_hold_exactly(database, &load.acknowledged()).await;
    let verify = async || clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    let live: Value = verify().await;
    assert_eq!((&live["agrees"], &live["kept_digests_agree"]), (&true.into(), &true.into()), "{live}");
    // A killed process releases its lock shortly afterwards, with its connection.
    let rebuilt: Value = wait_until("the rebuild lock", async || {
        let output = clinic.run(&["projection", "rebuild", "all", "--yes", "--json"]).await.unwrap();
        let is_held = output.stderr.contains("another rebuild is under way");
        if is_held { Err(output.stderr) } else { Ok(output.json().unwrap()) }
    })
    .await;
    assert_eq!(rebuilt["compared"], true, "{rebuilt}");
    assert_eq!(digests(&rebuilt), digests(&live), "live and rebuilt");
}

/// The digests of both views, without their generations.
fn digests(verdict: &Value) -> Vec<&str> {
    let mut digests: Vec<&str> =
        verdict["digests"].as_object().unwrap().values().map(|digest| digest.as_str().unwrap()).collect();
    digests.sort_unstable();
    digests
}

#[tokio::test(flavor = "multi_thread")]
async fn live_views_equal_a_rebuild_after_fifty_kills_at_random_times() {
    let clinic = Installation::open().await.unwrap();
    let (mut delays, load) = (RandomDelays::new(), Load::default());
    println!("seed {}", delays.0);
    let mut service = clinic.serve().await.unwrap();
    let database = clinic.connect().await.unwrap();
    let mut left: BTreeMap<String, usize> = BTreeMap::new();
    for kill in 1..=KILLS {
        let clients = load.start_slowly(&service, CLIENTS, Tolerance::LostConnections, BOOKING_PAUSE);
        load.wait_for_acknowledged(1).await;
        *left.entry(kill_a_rebuild(&clinic, &database, &mut delays).await).or_default() += 1;
        delays.sleep().await;
        service.kill().await.unwrap();
        clients.join_all().await;
        service = clinic.serve().await.unwrap();
        if kill % KILLS_BETWEEN_CHECKS == 0 {
            check_views(&clinic, &service, &database, &load).await;
        }
    }
    println!("{} bookings; killed rebuilds left {left:?}", load.acknowledged().len());
    assert!(load.unanswered() >= KILLS / 2, "kills must interrupt requests");
    assert!(left.len() > 1, "rebuilds must be killed at different stages: {left:?}");
}
