//! The cluster of the event log changes its leader repeatedly during bookings.

use std::time::Duration;

use daybook_tests::process::{CLUSTER_MEMBERS, Installation, LogKind};

use crate::load::{Load, Tolerance};
use crate::tables;

/// Number of elections of another member, and of elections after the leader died.
const ELECTIONS: usize = 3;
const DEATHS: usize = 3;

/// Concurrent clients.
const CLIENTS: usize = 4;

/// Bookings that are acknowledged before each change of the leader.
const BOOKINGS_BEFORE_A_CHANGE: usize = 10;

/// The longest allowed time without an acknowledged booking. The promise is a few seconds, but test machines are slow.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_log_leader_pauses_bookings_for_seconds_and_loses_none() {
    let mut clinic = Installation::open_on(LogKind::EventStoreDbCluster).await.unwrap();
    let (database, load) = (clinic.connect().await.unwrap(), Load::default());
    let service = clinic.serve().await.unwrap();
    let clients = load.start(&service, CLIENTS, Tolerance::Unavailable);
    for change in 0..ELECTIONS + DEATHS {
        load.wait_for_acknowledged(BOOKINGS_BEFORE_A_CHANGE).await;
        let cluster = clinic.log_cluster().unwrap();
        let leader = cluster.leader().unwrap();
        let dies = change >= ELECTIONS;
        if dies {
            cluster.kill(leader).await.unwrap();
        }
        cluster.elect((leader + 1) % CLUSTER_MEMBERS).unwrap();
        if dies {
            // The dead member rejoins as a follower after the others have elected a leader.
            load.wait_for_acknowledged(1).await;
            clinic.log_cluster().unwrap().restart(leader).await.unwrap();
        }
    }
    load.wait_for_acknowledged(BOOKINGS_BEFORE_A_CHANGE).await;
    load.stop();
    clients.join_all().await;
    load.finish(&service).await;
    eprintln!("longest pause: {:?}", load.longest_pause());
    assert!(load.longest_pause() < LONGEST_PAUSE, "no booking for {:?}", load.longest_pause());
    tables::assert_hold_exactly(&database, &load.acknowledged()).await;
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
}
