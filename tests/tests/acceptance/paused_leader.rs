//! A leader is paused for half a minute, like a machine that hangs. Another process takes over, and the old leader
//! cannot write after it resumes.

use std::time::Duration;

use daybook_tests::process::{Installation, Runner, Service};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::client::wait_within;
use crate::load::{Load, Tolerance};
use crate::tables;

/// How long the leader is paused.
const STOPPED: Duration = Duration::from_secs(30);

/// How soon another process must take over the views, and how soon the old leader must notice.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Clients per service, and their pause between bookings, so that the days of a year suffice.
const CLIENTS: usize = 2;
const BOOKING_PAUSE: Duration = Duration::from_millis(150);

/// Bookings that are acknowledged before, at least during, and after the pause.
const BOOKINGS: usize = 20;

/// Records every write to the checkpoints and to the reservations of both views, with the application name. Records of
/// writes that were not committed are rolled back with them.
const AUDIT: &str = "
    CREATE SCHEMA audit;
    CREATE TABLE audit.writes (writer text, target text, epoch bigint, at timestamptz);
    CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO audit.writes SELECT current_setting('application_name'), TG_TABLE_SCHEMA,
            (SELECT max(epoch) FROM control.checkpoints), clock_timestamp();
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER UPDATE ON control.checkpoints EXECUTE FUNCTION audit.note();
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON legacy_1.reservations EXECUTE FUNCTION audit.note();
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON dynamic_1.reservations EXECUTE FUNCTION audit.note()";

/// Writes of one application name to any table since an epoch began.
const WRITES_SINCE: &str =
    "SELECT count(*) FROM audit.writes WHERE writer = $1 AND at >= $2::text::timestamptz";

/// Checkpoint updates since then that carry an older epoch.
const OLDER_MOVES_SINCE: &str = "SELECT count(*) FROM audit.writes
    WHERE target = 'control' AND epoch < $1 AND at >= $2::text::timestamptz";

/// Two services and a process that only keeps the views up to date, on one database. The name of each is the
/// application name of its connections.
struct Processes {
    clinic: Installation,
    database: Client,
    first: Service,
    second: Service,
    runner: Runner,
}

/// The leader, as reported by `daybook status`.
#[derive(Debug)]
struct Leader {
    pid: u32,
    epoch: i64,
    since: String,
}

impl Processes {
    async fn start() -> Self {
        let clinic = Installation::open().await.unwrap();
        let url = |name| clinic.url_with_application_name(name).unwrap();
        let first = clinic.serve_with(&[("DATABASE_URL", &url("first"))]).await.unwrap();
        let database = clinic.connect().await.unwrap();
        database.batch_execute(AUDIT).await.unwrap();
        let second = clinic.serve_with(&[("DATABASE_URL", &url("second"))]).await.unwrap();
        let (runner, _) = clinic.run_projection(&[], &[("DATABASE_URL", &url("runner"))]).await.unwrap();
        Self { clinic, database, first, second, runner }
    }

    async fn leader(&self) -> Leader {
        let status = self.clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
        let leader = &status["leader"];
        assert_eq!(leader["holds_lock"], true, "{leader}");
        let number = |name: &str| leader[name].as_i64().unwrap();
        let since = leader["since"].as_str().unwrap().to_owned();
        Leader { pid: number("pid").try_into().unwrap(), epoch: number("epoch"), since }
    }

    /// The application name of a process, and its output.
    fn find(&self, pid: u32) -> (&'static str, String) {
        match Some(pid) {
            id if id == self.first.id() => ("first", self.first.output()),
            id if id == self.second.id() => ("second", self.second.output()),
            id if id == self.runner.id() => ("runner", self.runner.output()),
            _ => panic!("no process has the id {pid}"),
        }
    }

    fn signal(&self, leader: &Leader, signal: Signal) {
        self.find(leader.pid);
        kill(Pid::from_raw(leader.pid.try_into().unwrap()), signal).unwrap();
    }

    fn book(&self, load: &Load) -> [JoinSet<()>; 2] {
        let start = |service| load.start_slowly(service, CLIENTS, Tolerance::Pauses, BOOKING_PAUSE);
        [start(&self.first), start(&self.second)]
    }

    async fn count(&self, sql: &str, of: &(dyn tokio_postgres::types::ToSql + Sync), since: &str) -> i64 {
        self.database.query_one(sql, &[of, &since]).await.unwrap().get(0)
    }

    /// Waits until another process advances the views.
    async fn wait_for_takeover(&self, former: &Leader) {
        let sql = "SELECT count(*) FROM audit.writes WHERE target = 'control' AND epoch > $1";
        wait_within(TAKE_OVER_LIMIT, "another leader's batch", async || {
            match self.database.query_one(sql, &[&former.epoch]).await.unwrap().get::<_, i64>(0) {
                0 => Err("the views do not advance".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
    }

    /// Waits until a resumed leader reports that it stands by.
    async fn wait_for_standby(&self, former: &Leader) {
        wait_within(TAKE_OVER_LIMIT, "the former leader to stand by", async || {
            let (_, output) = self.find(former.pid);
            let seen = output.contains("another process took the views over");
            if seen { Ok(()) } else { Err(output) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_paused_for_thirty_seconds_cannot_write_after_it_resumes() {
    let processes = Processes::start().await;
    let load = Load::default();
    let clients = processes.book(&load);
    load.wait_for_acknowledged(BOOKINGS).await;
    let former = processes.leader().await;
    let (name, _) = processes.find(former.pid);
    assert!(
        processes.count(WRITES_SINCE, &name, &former.since).await > 0,
        "{name} must have written as the leader"
    );

    processes.signal(&former, Signal::SIGSTOP);
    let stopped = Instant::now();
    processes.wait_for_takeover(&former).await;
    println!("taken over from {name} after {:?}", stopped.elapsed());
    let (present, booked) = (processes.leader().await, load.acknowledged().len());
    assert!(present.pid != former.pid && present.epoch == former.epoch + 1, "{former:?}, {present:?}");
    load.wait_for_acknowledged(BOOKINGS).await;
    // This sleep is the pause of the leader.
    tokio::time::sleep_until(stopped + STOPPED).await;
    println!("only {} bookings were acknowledged during the pause", load.acknowledged().len() - booked);
    processes.signal(&former, Signal::SIGCONT);
    processes.wait_for_standby(&former).await;
    load.wait_for_acknowledged(BOOKINGS).await;
    load.stop();
    for clients in clients {
        clients.join_all().await;
    }
    load.finish(&processes.second).await;
    tables::assert_hold_exactly(&processes.database, &load.acknowledged()).await;
    assert_no_writes(&processes, name, &present).await;
}

/// Checks that the former leader has written nothing since the current one leads, and that the views are exact.
async fn assert_no_writes(processes: &Processes, former: &str, present: &Leader) {
    let (name, _) = processes.find(present.pid);
    assert_eq!(processes.count(WRITES_SINCE, &former, &present.since).await, 0, "writes by {former}");
    assert_eq!(processes.count(OLDER_MOVES_SINCE, &present.epoch, &present.since).await, 0);
    assert!(processes.count(WRITES_SINCE, &name, &present.since).await >= BOOKINGS as i64);
    let last = processes.leader().await;
    assert_eq!((last.pid, last.epoch), (present.pid, present.epoch), "no other process must have led");
    let verdict: Value =
        processes.clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(
        (&verdict["agrees"], &verdict["kept_digests_agree"]),
        (&true.into(), &true.into()),
        "{verdict}"
    );
}
