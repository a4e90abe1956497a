//! What the EventStoreDB adapter promises beyond the contract: it lives through whatever befalls its server.
//!
//! After each fault the log is right (what was acknowledged stands once, at its place) and goes on by itself.

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

/// Appends five times to one stream while a fault befalls the second and the third, and compares what was told with what
/// stands.
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

/// An acknowledgement that is lost is asked for again, and what was appended is not appended twice.
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

/// With patience at its end the caller is told, and told rightly: nothing of what was never taken stands.
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

/// What the server writes for itself, and what others write, is none of Daybook's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_may_be_shared_with_others() {
    let (server, log) = started().await;
    log.append(&page(0), Expected::NoStream, vec![event()]).await.unwrap();
    let everything = server.store().records().len();
    assert!(everything > 1, "the server has written nothing of its own");
    assert_eq!(read_all(&log).await.len(), 1);
}
