//! The leader of the views: a replaced leader cannot commit, and a silent one is replaced.

use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_projections::leader::{self, Leader};
use daybook_projections::{Epoch, Generation};
use daybook_tests::clinic::{Clinic, PATIENCE, desk, request};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::history::{TestRng, contents, live, run_random_steps};

/// The key of the leader lock.
const LEADER_LOCK: i64 = i64::from_be_bytes(*b"dayview\x01");

/// How soon a silent leader must be replaced.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(5);

async fn book(clinic: &Clinic, patient: u32) {
    let time = format!("{:02}:00", 9 + patient);
    let request = request(patient, "srv_wrinkle_botox", "2026-12-08", &time, ReadModel::Legacy);
    clinic.commands.request(request, desk()).await.unwrap();
}

/// Waits for a leader that meets a condition.
async fn wait_for_leader(clinic: &Clinic, condition: impl Fn(&Leader) -> bool) -> Leader {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = leader::current(&clinic.pool.get().await.unwrap()).await.unwrap();
        match found {
            Some(leader) if condition(&leader) => return leader,
            other => assert!(Instant::now() < deadline, "the leader is {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The epochs under which the live checkpoints were last updated.
async fn epochs(clinic: &Clinic) -> Vec<i64> {
    let sql = "SELECT epoch FROM control.checkpoints JOIN control.generations USING (model, number) WHERE state = 'live'";
    let rows = clinic.database.connect().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_under_an_outdated_epoch_is_not_committed() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 1).await;
    clinic.wait_for_views().await.unwrap();
    let first = wait_for_leader(&clinic, |leader| leader.holds_lock).await;
    let number = |epoch: Epoch| epoch.to_string().parse::<i64>().unwrap();
    assert_eq!(epochs(&clinic).await, [number(first.epoch); 2]);
    // As another leader would, although the lock is still held: only the epoch stops the first leader.
    let outside = clinic.database.connect().await.unwrap();
    outside.execute("UPDATE control.leader SET epoch = epoch + 1, host = 'another'", &[]).await.unwrap();
    book(&clinic, 2).await;
    clinic.wait_for_views().await.unwrap();
    let later = wait_for_leader(&clinic, |leader| leader.process.host == "clinic").await;
    assert_eq!(
        number(later.epoch),
        number(first.epoch) + 2,
        "it must have stood by and led again after the other"
    );
    assert_eq!(epochs(&clinic).await, [number(later.epoch); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_leader_is_replaced_although_it_holds_the_lock_and_the_rows() {
    let clinic = Clinic::without_views().await.unwrap();
    clinic.rebuild().missing().await.unwrap();
    let (mut stopped, before) =
        (clinic.database.connect().await.unwrap(), live(&clinic, ReadModel::Legacy).await);
    stopped.execute("SELECT pg_advisory_lock($1)", &[&LEADER_LOCK]).await.unwrap();
    let entry =
        "UPDATE control.leader SET epoch = 7, host = 'stopped', pid = 1, backend_pid = pg_backend_pid(),
                     since = now(), beat_at = now() - interval '1 hour'";
    stopped.execute(entry, &[]).await.unwrap();
    // In the middle of a batch: the checkpoints and the epoch are locked.
    let batch = stopped.transaction().await.unwrap();
    batch.batch_execute("SELECT FROM control.leader FOR KEY SHARE").await.unwrap();
    batch.batch_execute("UPDATE control.checkpoints SET commit_position = 999999").await.unwrap();
    let since = Instant::now();
    clinic.start_engine();
    book(&clinic, 1).await;
    clinic.wait_for_views().await.unwrap();
    assert!(since.elapsed() <= TAKE_OVER_LIMIT, "{:?}", since.elapsed());
    assert_eq!(epochs(&clinic).await, [8, 8]);
    batch.commit().await.expect_err("the batch of the stopped leader must not be committed");
    assert_eq!(live(&clinic, ReadModel::Legacy).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_leader_hands_over_and_the_epoch_rises() {
    let clinic = Clinic::open().await.unwrap();
    let first = wait_for_leader(&clinic, |leader| leader.holds_lock).await;
    let (stop, stopped) = watch::channel(false);
    let second = clinic.engine("second");
    let mut role = second.role();
    let running = tokio::spawn(second.run(stopped));
    role.wait_for(|role| role.is_some()).await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(3), 20).await;
    clinic.wait_for_views().await.unwrap();
    assert_eq!(
        wait_for_leader(&clinic, |_| true).await.epoch,
        first.epoch,
        "a leader with a heartbeat must not be replaced"
    );
    clinic.stop_engine();
    let after = wait_for_leader(&clinic, |leader| leader.process.host == "second").await;
    assert!(after.epoch > first.epoch && after.holds_lock, "{after:?}");
    run_random_steps(&clinic, &mut TestRng::new(4), 20).await;
    clinic.wait_for_views().await.unwrap();
    let before = contents(&clinic, live(&clinic, ReadModel::Dynamic).await).await;
    clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    let rebuilt = live(&clinic, ReadModel::Dynamic).await;
    assert_eq!(rebuilt, Generation { model: ReadModel::Dynamic, number: 2 });
    assert_eq!(contents(&clinic, rebuilt).await, before);
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_row_of_the_leader_is_written_again() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 1).await;
    clinic.wait_for_views().await.unwrap();
    let first = wait_for_leader(&clinic, |leader| leader.holds_lock).await;
    clinic.database.connect().await.unwrap().execute("DELETE FROM control.leader", &[]).await.unwrap();
    book(&clinic, 2).await;
    clinic.wait_for_views().await.unwrap();
    let next = wait_for_leader(&clinic, |leader| leader.holds_lock).await;
    assert!(next.epoch > first.epoch, "{first:?} {next:?}");
}
