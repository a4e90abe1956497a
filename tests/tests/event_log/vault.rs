//! The vault on its database: few keys per subject, grouped key creation, and forgetting that reaches every process.

use std::collections::HashSet;
use std::sync::Arc;

use daybook_domain::phone::Phone;
use daybook_domain::{KeyId, Sealed, SubjectId};
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_tests::postgres::TestDatabase;
use daybook_vault::{KeyProvider, MAX_GROUP_SUBJECTS, MasterKey, Opened, Vault, VaultError};
use futures_util::future::join_all;
use uuid::Uuid;

use super::adapters;
use super::sample::within;

fn master() -> Arc<dyn KeyProvider> {
    Arc::new(MasterKey::parse(&"5a".repeat(32)).unwrap())
}

/// Opens a separate vault on the same database, as another process would.
fn vault(database: &TestDatabase) -> Vault {
    Vault::new(create_pool(&database.config(), PoolSize(4)).unwrap(), master())
}

fn subject(number: usize) -> SubjectId {
    SubjectId::from_bytes((number as u128).to_be_bytes())
}

async fn count(database: &TestDatabase, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM privacy.keys WHERE {condition}");
    database.connect().await.unwrap().query_one(&sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_one_process_seals_another_opens_at_its_place_only() {
    let database = adapters::database().await;
    let (one, other) = (vault(&database), vault(&database));
    let subject = one.subject(&Phone::parse("010-0000-0001").unwrap());
    assert_eq!(other.subject(&Phone::parse("+82 10 0000 0001").unwrap()), subject);
    let sealed = one.seal(subject, b"reservation-1", "words").await.unwrap();
    assert_eq!(other.open(&sealed, b"reservation-1").await.unwrap(), Opened::Text("words".into()));
    let elsewhere = other.open(&sealed, b"reservation-2").await;
    assert!(matches!(elsewhere, Err(VaultError::NotAuthentic(key)) if key == sealed.key));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_make_keys_at_once_open_each_others_and_forgetting_destroys_all() {
    const SUBJECTS: usize = 100;
    let database = adapters::database().await;
    let vaults = [vault(&database), vault(&database)];
    let sealing = (0..4 * SUBJECTS).map(|number| {
        let vault = vaults[number % 2].clone();
        tokio::spawn(async move { vault.seal(subject(number % SUBJECTS), b"r", "words").await.unwrap() })
    });
    let sealed: Vec<Sealed> =
        within(join_all(sealing.collect::<Vec<_>>())).await.into_iter().map(Result::unwrap).collect();
    let keys: HashSet<KeyId> = sealed.iter().map(|sealed| sealed.key).collect();
    assert!((SUBJECTS..=4 * SUBJECTS).contains(&keys.len()), "{} keys", keys.len());
    let fresh = vault(&database);
    for sealed in &sealed {
        assert_eq!(fresh.open(sealed, b"r").await.unwrap(), Opened::Text("words".into()));
    }
    for number in 0..SUBJECTS {
        fresh.forget(subject(number)).await.unwrap();
    }
    for sealed in &sealed {
        assert_eq!(fresh.open(sealed, b"r").await.unwrap(), Opened::Erased);
    }
    assert_eq!(count(&database, "destroyed_at IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_many_new_subjects_are_made_in_few_transactions() {
    let database = adapters::database().await;
    let vault = vault(&database);
    let wanted = (0..MAX_GROUP_SUBJECTS).map(|number| {
        let vault = vault.clone();
        async move { vault.seal(subject(number), b"r", "words").await.unwrap() }
    });
    within(join_all(wanted)).await;
    let client = database.connect().await.unwrap();
    let sql = "SELECT count(DISTINCT xmin::text) FROM privacy.keys";
    let transactions: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    assert!(transactions <= 3, "{MAX_GROUP_SUBJECTS} keys took {transactions} transactions");
}

#[tokio::test]
async fn forgetting_erases_everywhere_and_a_new_booking_gets_a_new_key() {
    let database = adapters::database().await;
    let (one, other) = (vault(&database), vault(&database));
    let before = one.seal(subject(1), b"r1", "words").await.unwrap();
    let bystander = one.seal(subject(2), b"r2", "others").await.unwrap();
    other.open(&before, b"r1").await.unwrap();
    assert_eq!(one.live_keys(subject(1)).await.unwrap(), [before.key]);

    assert_eq!(one.forget(subject(1)).await.unwrap(), [before.key]);
    assert_eq!(count(&database, "wrapped_key IS NULL AND destroyed_at IS NOT NULL").await, 1);
    assert_eq!(one.open(&before, b"r1").await.unwrap(), Opened::Erased);
    other.evict(&[before.key]);
    assert_eq!(other.open(&before, b"r1").await.unwrap(), Opened::Erased);
    assert_eq!(vault(&database).open(&before, b"r1").await.unwrap(), Opened::Erased);

    let after = other.seal(subject(1), b"r3", "new words").await.unwrap();
    assert_ne!(after.key, before.key);
    assert_eq!(one.open(&after, b"r3").await.unwrap(), Opened::Text("new words".into()));
    assert_eq!(one.open(&bystander, b"r2").await.unwrap(), Opened::Text("others".into()));
    assert_eq!(one.open(&before, b"r1").await.unwrap(), Opened::Erased);
}

#[tokio::test]
async fn destroying_keys_again_changes_nothing() {
    let database = adapters::database().await;
    let vault = vault(&database);
    let sealed = vault.seal(subject(1), b"r1", "words").await.unwrap();
    let client = database.connect().await.unwrap();
    let mut times = Vec::new();
    for _ in 0..2 {
        vault.destroy(&[sealed.key]).await.unwrap();
        let row = client.query_one("SELECT destroyed_at::text FROM privacy.keys", &[]).await.unwrap();
        times.push(row.get::<_, String>(0));
    }
    assert_eq!(times[0], times[1]);
    assert_eq!(vault.forget(subject(1)).await.unwrap(), []);
    assert_eq!(vault.live_keys(subject(1)).await.unwrap(), []);
}

#[tokio::test]
async fn thousands_of_subjects_get_their_keys_at_once() {
    const SUBJECTS: usize = 10_000;
    let database = adapters::database().await;
    let importing = vault(&database);
    let early = importing.seal(subject(7), b"r7", "early").await.unwrap();
    let subjects: Vec<_> = (0..SUBJECTS).chain(0..10).map(subject).collect();
    let sealer = within(importing.keys_for(&subjects)).await.unwrap();
    let sealed: Vec<_> =
        (0..SUBJECTS).map(|number| sealer.seal(subject(number), b"r", "words").unwrap()).collect();
    assert_eq!(sealed[7].key, early.key);
    assert_eq!(count(&database, "true").await, SUBJECTS as i64);

    let replaying = vault(&database);
    replaying.forget(subject(8)).await.unwrap();
    let keys: Vec<_> = sealed.iter().map(|sealed| sealed.key).collect();
    for opener in [replaying.load_all_keys().await.unwrap(), replaying.prefetch(&keys).await.unwrap()] {
        for (number, sealed) in sealed.iter().enumerate() {
            let wanted = if number == 8 { Opened::Erased } else { Opened::Text("words".into()) };
            assert_eq!(opener.open(sealed, b"r").unwrap(), wanted, "{number}");
        }
    }
}

#[tokio::test]
async fn a_key_that_never_was_is_an_error_and_no_erasure() {
    let database = adapters::database().await;
    let vault = vault(&database);
    let mut sealed = vault.seal(subject(1), b"r1", "words").await.unwrap();
    sealed.key = KeyId(Uuid::new_v4());
    let unknown = vault.open(&sealed, b"r1").await;
    assert!(matches!(unknown, Err(VaultError::UnknownKey(key)) if key == sealed.key), "{unknown:?}");
}

#[tokio::test]
async fn another_master_key_opens_nothing() {
    let database = adapters::database().await;
    let sealed = vault(&database).seal(subject(1), b"r1", "words").await.unwrap();
    let pool = create_pool(&database.config(), PoolSize(1)).unwrap();
    let stranger = Vault::new(pool, Arc::new(MasterKey::parse(&"a5".repeat(32)).unwrap()));
    let refused = stranger.open(&sealed, b"r1").await;
    assert!(matches!(refused, Err(VaultError::Provider(_))), "{refused:?}");
    let refused = stranger.seal(subject(1), b"r1", "words").await;
    assert!(refused.is_err());
}
