//! Tests how the server stops and starts: restarts on the same port, and a killed process with its file.
//!
//! The tests end a process only through the handle with which they started it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use daybook_log_server::protocol::streams::read_req::options::ReadDirection::Forwards;
use daybook_log_server::{Options, Server, Store};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::{ANY, Client, NO_STREAM, Outcome, PATIENCE, beginning, commits, events, ids, no_filter};

#[tokio::test]
async fn a_stopped_server_is_gone_at_once_and_a_new_one_takes_its_port_and_its_log() {
    let server = Server::start(Options::default()).await.unwrap();
    let (address, store) = (server.address(), server.store().clone());
    let mut client = Client::connect(address).await;
    client.append("page-1", NO_STREAM, &ids(1)).await.unwrap();
    let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
    server.stop().await;
    let end = async { while let Ok(Some(_)) = subscription.message().await {} };
    timeout(PATIENCE, end).await.expect("it ends");
    client.append("page-1", ANY, &ids(1)).await.expect_err("nobody is there");

    let options = Options { port: address.port(), store, ..Options::default() };
    let server = Server::start(options).await.unwrap();
    assert_eq!(server.address(), address);
    let mut client = Client::connect(address).await;
    let appended = client.append("page-1", ANY, &ids(1)).await.unwrap();
    assert!(matches!(appended, Outcome::At { revision: 1, .. }));
}

async fn start(port: u16, file: &Path) -> (Child, SocketAddr) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_log-server"))
        .args(["--port", &port.to_string(), "--file"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.expect("it starts").unwrap().unwrap();
    let address = line.strip_prefix("listening on ").expect("one line").parse().unwrap();
    (process, address)
}

#[tokio::test]
async fn a_killed_process_keeps_all_that_it_acknowledged_at_the_same_positions() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("log");
    let (mut process, address) = start(0, &file).await;
    let mut client = Client::connect(address).await;
    let first = ids(2);
    let at_first = client.append("page-1", NO_STREAM, &first).await.unwrap();
    for _ in 0..30 {
        client.append("page-2", ANY, &ids(3)).await.unwrap();
    }
    let before = client.read_all(beginning(), Forwards, u64::MAX).await.unwrap();
    process.kill().await.unwrap();

    let (mut process, again) = start(address.port(), &file).await;
    assert_eq!(again, address);
    let mut client = Client::connect(address).await;
    let after = client.read_all(beginning(), Forwards, u64::MAX).await.unwrap();
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), before.len() + 1, "an event of the server itself for each start");
    assert_eq!(client.append("page-1", NO_STREAM, &first).await.unwrap(), at_first);
    process.kill().await.unwrap();
}

#[tokio::test]
async fn a_torn_append_at_the_end_of_the_file_is_cut_off_and_the_file_goes_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let first = ids(2);
    {
        let server =
            Server::start(Options { store: Store::open(&path).unwrap(), ..Options::default() }).await;
        let server = server.unwrap();
        let mut client = Client::connect(server.address()).await;
        client.append("page-1", NO_STREAM, &first).await.unwrap();
        client.append("page-1", ANY, &ids(2)).await.unwrap();
        server.stop().await;
    }
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    for expected in [2, 3] {
        let store = Store::open(&path).unwrap();
        let server = Server::start(Options { store, ..Options::default() }).await.unwrap();
        let mut client = Client::connect(server.address()).await;
        let all = client.read_all(beginning(), Forwards, u64::MAX).await.unwrap();
        assert!(commits(&all).is_sorted_by(|a, b| a < b));
        assert_eq!(events(&all).iter().filter(|event| event.0 == "page-1").count(), expected);
        client.append("page-1", ANY, &ids(1)).await.unwrap();
        server.stop().await;
    }
}

#[test]
fn a_file_that_is_no_log_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    // The first content is a complete append with an event id that is too short. The second is plain text.
    let short_id: &[u8] = &[5, 0x0a, 3, 0x0a, 1, 7];
    for content in [short_id, b"# A text that somebody wrote\nIt must not be lost.\n".as_slice()] {
        std::fs::write(&path, content).unwrap();
        let refused = Store::open(&path).unwrap_err();
        assert!(refused.to_string().contains("is not the file of a log"), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}
