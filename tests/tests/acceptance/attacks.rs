//! What strangers can do to a running service: bad requests, slow clients, idle connections, floods, and measured lookups.
//!
//! The tests run at a reduced scale. `DAYBOOK_ATTACK_REQUESTS=100000` sets the number of bad requests.

mod bad_requests;
mod floods;
mod idle_connections;
mod lookup_timing;
mod slow_clients;

use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{client, get};

/// Opens a connection and sends some bytes.
async fn connect(service: &Service, bytes: &[u8]) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(service.address()).await?;
    stream.write_all(bytes).await?;
    Ok(stream)
}

/// The position of the log's last event, as `/readyz` shows it.
async fn log_head(service: &Service) -> String {
    let ready = get(&client(), service, "/readyz").await.unwrap();
    ready.body["checks"]["log"]["position"].to_string()
}

/// Checks that both views agree with the log, and that nothing panicked.
async fn assert_unharmed(clinic: &Installation, service: &Service) {
    assert!(!service.output().contains("panicked"), "{}", service.output());
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
}

/// A time limit that says what did not end.
async fn within<T>(limit: Duration, what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| panic!("{what} took longer than {limit:?}"))
}
