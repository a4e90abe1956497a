//! The private PostgreSQL on real processes: shared, killed, restarted.
//!
//! No test may leave a server behind: each stops its own, and dropping does so when the test fails.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use tokio_postgres::{Client, NoTls};

use super::postmaster::Postmaster;
use super::*;

/// How long a condition may take to become true.
const WAIT_LIMIT: Duration = Duration::from_secs(60);

fn start(data_dir: &Path) -> PrivatePostgres {
    PrivatePostgres::start(data_dir).unwrap_or_else(|error| panic!("{error}"))
}

fn postmaster(data_dir: &Path) -> Option<Postmaster> {
    Postmaster::running(&ServerDir::prepare(data_dir).unwrap())
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < WAIT_LIMIT, "{what}: not within {} s", WAIT_LIMIT.as_secs());
        thread::sleep(Duration::from_millis(10));
    }
}

fn in_database<T>(config: tokio_postgres::Config, work: impl AsyncFnOnce(Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        work(client).await
    })
}

fn write_note(postgres: &PrivatePostgres) {
    in_database(postgres.config(), async |client| {
        client
            .batch_execute("CREATE TABLE note (text text); INSERT INTO note VALUES ('kept')")
            .await
            .unwrap();
    });
}

fn read_note(config: tokio_postgres::Config) -> String {
    in_database(config, async |client| client.query_one("SELECT text FROM note", &[]).await.unwrap().get(0))
}

fn setting(postgres: &PrivatePostgres, name: &str) -> String {
    let statement = format!("SHOW {name}");
    in_database(postgres.config(), async |client| client.query_one(&statement, &[]).await.unwrap().get(0))
}

#[test]
fn two_users_share_one_server_and_the_last_one_stops_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    let second = start(folder.path());
    let running = postmaster(folder.path()).unwrap();
    write_note(&first);

    assert_eq!(first.stop().unwrap(), StopOutcome::StillInUse);
    assert_eq!(postmaster(folder.path()), Some(running), "the second user's server still runs");
    assert_eq!(read_note(second.config()), "kept");

    assert_eq!(second.stop().unwrap(), StopOutcome::Stopped);
    assert_eq!(postmaster(folder.path()), None);
    assert_eq!(read_note(start(folder.path()).config()), "kept", "data survives a stop");
}

#[test]
fn simultaneous_starts_make_one_server() {
    let folder = tempfile::tempdir().unwrap();
    let users: Vec<_> = thread::scope(|scope| {
        let starting: Vec<_> = (0..4).map(|_| scope.spawn(|| start(folder.path()))).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let outcomes: Vec<_> = users.into_iter().map(|user| user.stop().unwrap()).collect();
    let stopped = outcomes.iter().filter(|outcome| **outcome == StopOutcome::Stopped).count();
    assert_eq!(stopped, 1, "{outcomes:?}");
    assert_eq!(outcomes.last(), Some(&StopOutcome::Stopped));
}

#[test]
fn data_survives_a_killed_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut postgres = start(folder.path());
    write_note(&postgres);
    kill(postmaster(folder.path()).unwrap().pid(), Signal::SIGKILL).unwrap();
    wait_until("the killed server is gone", || postmaster(folder.path()).is_none());

    postgres.revive().unwrap();
    assert_eq!(read_note(postgres.config()), "kept");
    assert_eq!(postgres.stop().unwrap(), StopOutcome::Stopped);
}

#[test]
fn a_server_whose_users_were_killed_is_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = start(folder.path());
    write_note(&killed);
    // A killed process leaves like this: the kernel releases its lock, and no other cleanup happens.
    drop(killed.usage_lock.take());
    let left_behind = postmaster(folder.path()).unwrap();

    let next = start(folder.path());
    assert_eq!(postmaster(folder.path()), Some(left_behind));
    assert_eq!(read_note(next.config()), "kept");
    assert_eq!(next.stop().unwrap(), StopOutcome::Stopped);
}

#[test]
fn stale_lock_files_with_the_pid_of_another_process_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()));
    let mut bystander = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let stale = format!("{}\n/nowhere\n1700000000\n5432\n/nowhere\n\n\nready\n", bystander.id());
    for file in ["postgres/cluster/postmaster.pid", "postgres/socket/.s.PGSQL.5432.lock"] {
        std::fs::write(folder.path().join(file), &stale).unwrap();
    }

    let postgres = start(folder.path());
    assert!(bystander.try_wait().unwrap().is_none(), "the bystander was left alone");
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert_eq!(postgres.stop().unwrap(), StopOutcome::Stopped);
}

#[test]
fn a_backend_that_hangs_does_not_keep_the_server_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = start(folder.path());
    write_note(&postgres);
    in_database(postgres.config(), async |client| {
        let backend: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        kill(nix::unistd::Pid::from_raw(backend), Signal::SIGSTOP).unwrap();
        postgres.cluster.stop_within(Duration::from_secs(2)).unwrap();
    });
    assert!(postmaster(folder.path()).is_none());
    drop(postgres);
    let postgres = start(folder.path());
    assert_eq!(read_note(postgres.config()), "kept");
    assert_eq!(postgres.stop().unwrap(), StopOutcome::Stopped);
}

#[test]
fn a_long_data_dir_works_and_psql_can_connect() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = start(&folder.path().join("a long name, with a comma ".repeat(6)));
    let line = format!("{} -Atc 'SELECT 6 * 7'", postgres.connect_hint());
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "42",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let socket_dir = postgres.socket_dir.clone();
    assert_eq!(postgres.stop().unwrap(), StopOutcome::Stopped);
    assert!(!socket_dir.exists(), "the temporary socket folder is removed");
}

#[test]
fn the_server_is_durable_and_private() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = start(folder.path());
    for (name, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("max_connections", "200"),
        ("log_min_messages", "log"),
    ] {
        assert_eq!(setting(&postgres, name), value, "{name}");
    }
    let url: tokio_postgres::Config = postgres.url().parse().unwrap();
    assert_eq!(
        in_database(url, async |client| client
            .query_one("SELECT current_database()", &[])
            .await
            .unwrap()
            .get::<_, String>(0)),
        DATABASE
    );
}

#[test]
fn the_server_log_holds_no_values_of_failed_statements() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = start(folder.path());
    in_database(postgres.config(), async |client| {
        client.batch_execute("CREATE TABLE patient (phone text PRIMARY KEY)").await.unwrap();
        for statement in
            ["INSERT INTO patient VALUES ('01012345678'), ('01012345678')", "SELECT '01012345678x'::int"]
        {
            client.batch_execute(statement).await.unwrap_err();
        }
    });
    drop(postgres);
    let log = std::fs::read_to_string(folder.path().join("postgres/server.log")).unwrap();
    assert!(log.contains("database system is ready"), "{log}");
    assert!(!log.contains("01012345678"), "{log}");
}

#[test]
fn the_watcher_stops_the_server_when_the_last_user_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut killed = start(folder.path());
    let other = start(folder.path());
    drop(killed.usage_lock.take());
    assert!(killed.watcher.take().unwrap().outlive().unwrap().success());
    assert!(postmaster(folder.path()).is_some(), "the watcher must not stop a server in use");

    let mut last = start(folder.path());
    assert_eq!(other.stop().unwrap(), StopOutcome::StillInUse);
    drop(last.usage_lock.take());
    assert!(last.watcher.take().unwrap().outlive().unwrap().success());
    assert_eq!(postmaster(folder.path()), None, "the last user's watcher stops the server");
}
