//! A restored dump is a complete log: events and positions are the same, and followers resume at their positions.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use daybook_event_log::{EventLog, Filter, Position};
use daybook_tests::postgres::TestDatabase;

use crate::event_log::adapters;
use crate::event_log::sample::*;

/// Finds one of the server's own programs. A dump needs the programs of the server's version.
async fn program(database: &TestDatabase, name: &str) -> PathBuf {
    let client = database.connect().await.unwrap();
    let sql = "SELECT setting FROM pg_config() WHERE name = 'BINDIR'";
    let folder: String = client.query_one(sql, &[]).await.unwrap().get(0);
    PathBuf::from(folder).join(name)
}

async fn restore(from: &TestDatabase, to: &TestDatabase) {
    let mut dump = Command::new(program(from, "pg_dump").await)
        .args(["--format=custom", "--dbname", &from.url()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("pg_dump has to stand beside the server");
    let restored = Command::new(program(to, "pg_restore").await)
        .args(["--exit-on-error", "--no-owner", "--dbname", &to.url()])
        .stdin(dump.stdout.take().unwrap())
        .status()
        .unwrap();
    let dumped = dump.wait().unwrap();
    assert!(dumped.success() && restored.success(), "{dumped} {restored}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_log_reads_the_same_and_goes_on_after_its_head() {
    let original = adapters::database().await;
    let log = adapters::connect(&original).await;
    for day in 0..20 {
        append(&log, &page(day % 3), &events(5)).await;
    }
    let before = read_all(&log).await;
    drop(log);
    let copy = TestDatabase::empty().await.unwrap();
    restore(&original, &copy).await;

    let log = adapters::connect(&copy).await;
    assert_eq!(read_all(&log).await, before);
    let seen = before[49].position;
    let mut follower = log.follow(seen, &Filter::all()).await.unwrap();
    assert_eq!(next(&mut follower, 50).await, before[50..]);
    let new = events(3);
    let appended = append(&log, &page(0), &new).await;
    assert!(appended.position > before[99].position);
    assert_eq!(recorded_ids(&next(&mut follower, 3).await), ids(&new));
    let all = collect(log.read_all(Position::START, &Filter::all()).await).await;
    assert_in_order(&all);
    let mut client = copy.connect().await.unwrap();
    let again = daybook_event_log::postgres::migrate(&mut client).await.unwrap();
    assert_eq!(again.applied, [0; 0], "a restored schema is up to date");
}
