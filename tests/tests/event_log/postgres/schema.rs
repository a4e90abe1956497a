//! The schema of the log: concurrent starts migrate it once, and it rejects changes to stored events.

use daybook_event_log::postgres::migrate;
use daybook_tests::postgres::TestDatabase;
use futures_util::future::join_all;

use crate::event_log::adapters;
use crate::event_log::sample::*;

#[tokio::test]
async fn processes_that_start_at_once_migrate_once() {
    let database = TestDatabase::empty().await.unwrap();
    let starts = (0..4).map(async |_| {
        let mut client = database.connect().await.unwrap();
        migrate(&mut client).await.unwrap().applied
    });
    let mut applied = within(join_all(starts)).await;
    applied.sort();
    let (last, others) = applied.split_last().unwrap();
    assert!(others.iter().all(Vec::is_empty), "{others:?}");
    assert!(last.len() >= 2 && last.is_sorted(), "{last:?}");
    let log = adapters::connect(&database).await;
    append(&log, &page(0), &events(1)).await;
}

#[tokio::test]
async fn recorded_events_cannot_be_changed() {
    let database = adapters::database().await;
    let log = adapters::connect(&database).await;
    append(&log, &page(0), &events(2)).await;
    let before = read_all(&log).await;
    let client = database.connect().await.unwrap();
    let changes = [
        "UPDATE event_log.events SET kind = 'SomethingElse'",
        "DELETE FROM event_log.events",
        "TRUNCATE event_log.events",
    ];
    for change in changes {
        let refused = client.batch_execute(change).await.unwrap_err();
        assert!(refused.as_db_error().unwrap().message().contains("append-only"), "{change}");
    }
    assert_eq!(read_all(&log).await, before);
}
