//! Keys are committed together with the events that they seal. Neither is stored without the other.

use bytes::Bytes;
use daybook_domain::{KeyId, SubjectId};
use daybook_event_log::port::InvalidAppend;
use daybook_event_log::{AppendError, EventLog, Expected, MemoryLog, NewKey, PostgresLog};
use daybook_tests::postgres::TestDatabase;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::event_log::adapters;
use crate::event_log::sample::*;

fn key(number: u128) -> NewKey {
    let wrapped = Bytes::from(vec![7; 72]);
    NewKey {
        id: KeyId(Uuid::from_u128(number)),
        subject: SubjectId::from_bytes(number.to_be_bytes()),
        wrapped,
    }
}

/// Returns the numbers of the stored keys, in order.
async fn kept(database: &TestDatabase) -> Vec<u128> {
    let sql =
        "SELECT key_id FROM privacy.keys WHERE wrapped_key = decode(repeat('07', 72), 'hex') ORDER BY key_id";
    let rows = database.connect().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, Uuid>(0).as_u128()).collect()
}

#[tokio::test]
async fn keys_stand_or_fall_with_their_events() {
    let database = adapters::database().await;
    let log = adapters::connect(&database).await;
    assert!(log.keeps_keys());
    let first = vec![event()];
    let appended = log
        .append_with_keys(&page(0), Expected::NoStream, first.clone(), vec![key(1), key(2)])
        .await
        .unwrap();
    assert_eq!(kept(&database).await, [1, 2]);

    // A client's retry sends the same events with another key. The events are already stored, so the new key is not
    // needed.
    let again = log.append_with_keys(&page(0), Expected::NoStream, first.clone(), vec![key(3)]).await;
    assert_eq!(again.unwrap(), appended);
    // A writer's retry sends the same events with the same keys.
    let again = log.append_with_keys(&page(0), Expected::NoStream, first, vec![key(1), key(2)]).await;
    assert_eq!(again.unwrap(), appended);
    let conflict = log.append_with_keys(&page(0), Expected::NoStream, vec![event()], vec![key(4)]).await;
    assert!(matches!(conflict, Err(AppendError::RevisionConflict { .. })), "{conflict:?}");
    assert_eq!(kept(&database).await, [1, 2]);
}

/// Two writers repeatedly work with an outdated head, so groups are sent twice. Keys of conflicting appends are not
/// stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_in_each_others_way_keep_exactly_the_keys_of_what_they_appended() {
    const ROUNDS: u64 = 40;
    let database = adapters::database().await;
    let logs = [adapters::connect(&database).await, adapters::connect(&database).await];
    let mut wanted = Vec::new();
    for round in 0..ROUNDS {
        let racing = (0..4u64).map(|racer| {
            let log: PostgresLog = logs[(racer % 2) as usize].clone();
            let number = u128::from(4 * round + racer);
            // Racers 0 and 1 compete for the same place. Racers 2 and 3 have one place each.
            let stream = page(racer.max(1));
            let expected = Expected::after(round.checked_sub(1).map(revision));
            async move {
                (number, log.append_with_keys(&stream, expected, vec![event()], vec![key(number)]).await)
            }
        });
        let answers = within(join_all(racing)).await;
        assert_eq!(answers.iter().filter(|(_, answer)| answer.is_ok()).count(), 3, "{answers:?}");
        wanted.extend(answers.into_iter().filter(|(_, answer)| answer.is_ok()).map(|(number, _)| number));
    }
    wanted.sort_unstable();
    assert_eq!(kept(&database).await, wanted);
}

#[tokio::test]
async fn a_log_that_keeps_no_keys_says_so_and_appends_nothing() {
    let log = MemoryLog::default();
    assert!(!log.keeps_keys());
    let refused = log.append_with_keys(&page(0), Expected::NoStream, vec![event()], vec![key(1)]).await;
    assert!(matches!(refused, Err(AppendError::Invalid(InvalidAppend::KeysNotKept))), "{refused:?}");
    log.append_with_keys(&page(0), Expected::NoStream, vec![event()], Vec::new()).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 1);
}
