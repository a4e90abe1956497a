//! The guarantees of the EventStoreDB adapter beyond the contract: it survives every fault of its server.
//!
//! After each fault the log is correct and recovers by itself. Each acknowledged event is stored once, at its place.

mod cluster;
mod outage;
#[cfg(target_os = "linux")]
#[cfg(target_os = "linux")]
mod promptness;

use std::time::Duration;

use daybook_event_log::{AppendError, EventLog, EventStoreLog, Expected};
use daybook_log_server::{Fault, Lasting, Loss, Operation, Options, Server};

use super::adapters;
use super::sample::*;

async fn started() -> (Server, EventStoreLog) {
    let server = Server::start(Options::default()).await.unwrap();
    let log = adapters::connect_to(&server.url()).await;
    (server, log)
}

/// Appends five times to one stream, with a fault on the second and third append. Compares the answers with the stored
/// events.
async fn append_under(fault: Fault) {
    let (server, log) = started().await;
    let mut told = Vec::new();
    let mut expected = Expected::NoStream;
    for number in 0..5 {
        if number == 1 {
            server.faults().inject(Operation::Write, fault, Lasting::Requests(2));
        }
        let event = event();
        let appended = within(log.append(&page(0), expected, vec![event.clone()])).await.unwrap();
        expected = Expected::Exact(appended.revision);
        told.push((appended.position, appended.revision, event.id));
    }
    let stored = read_all(&log).await;
    let stands: Vec<_> = stored.iter().map(|event| (event.position, event.revision, event.id)).collect();
    assert_eq!(stands, told, "{fault:?}");
    assert!(server.faults().befallen() >= 2, "{fault:?} befell nothing");
}

/// The adapter retries an append after a lost acknowledgement, and the events are stored only once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_is_lost_stands_once() {
    for loss in [Loss::Unavailable, Loss::TimedOut, Loss::Disconnected] {
        append_under(Fault::AcknowledgementLost(loss)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_never_comes_stands_once() {
    append_under(Fault::AcknowledgementLost(Loss::Unanswered)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_is_not_taken_is_sent_again() {
    for fault in
        [Fault::NotReady, Fault::TimedOut, Fault::Disconnected, Fault::Delay(Duration::from_millis(200))]
    {
        append_under(fault).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_a_large_append_is_understood() {
    let (server, log) = started().await;
    server.faults().inject(Operation::Write, Fault::TooLarge, Lasting::Requests(1));
    let refused = log.append(&page(0), Expected::NoStream, vec![event()]).await.unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { .. }), "{refused:?}");
    log.append(&page(0), Expected::NoStream, vec![event()]).await.unwrap();
}

/// When the time limit for retries expires, the caller gets an accurate error. Events that the server never accepted
/// are not stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stays_away_is_reported() {
    let (server, log) = started().await;
    let address = server.address();
    log.append(&page(0), Expected::NoStream, vec![event()]).await.unwrap();
    let store = server.store().clone();
    server.stop().await;
    let lost = within(log.append(&page(1), Expected::NoStream, vec![event()])).await.unwrap_err();
    assert!(matches!(lost, AppendError::Unavailable(_) | AppendError::Unknown(_)), "{lost:?}");
    assert!(log.check_writable().await.is_err());
    assert!(!log.connection().is_up);
    let again = Server::start(Options { port: address.port(), store, ..Options::default() }).await.unwrap();
    within(log.append(&page(1), Expected::NoStream, vec![event()])).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 2);
    let connection = log.connection();
    assert!(connection.is_up && connection.reconnects > 0, "{connection:?}");
    again.stop().await;
}

/// The adapter ignores system events and the events of other applications.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_may_be_shared_with_others() {
    let (server, log) = started().await;
    log.append(&page(0), Expected::NoStream, vec![event()]).await.unwrap();
    let everything = server.store().records().len();
    assert!(everything > 1, "the server has written nothing of its own");
    assert_eq!(read_all(&log).await.len(), 1);
}
