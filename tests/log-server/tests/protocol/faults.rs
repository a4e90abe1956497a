//! Tests each fault from a client's view, and checks that the log is correct whatever reply the client received.

use std::time::{Duration, Instant};

use daybook_log_server::protocol::Empty;
use daybook_log_server::protocol::server_features::server_features_client::ServerFeaturesClient;
use daybook_log_server::protocol::streams::read_req::options::ReadDirection::Forwards;
use daybook_log_server::{Fault, Lasting, Loss, Operation, Options, Server};
use tokio::time::timeout;
use tonic::Code;
use uuid::Uuid;

use crate::client::{
    ANY, Client, NO_STREAM, Outcome, PATIENCE, beginning, channel, ids, next, no_filter, trailer,
    until_caught_up,
};

/// The number of events that the server did not write itself.
fn written(server: &Server) -> usize {
    server.store().records().iter().filter(|record| !record.stream.starts_with('$')).count()
}

async fn code_of(client: &mut Client, ids: &[Uuid]) -> Code {
    client.append("page-1", NO_STREAM, ids).await.unwrap_err().code()
}

#[tokio::test]
async fn refused_appends_write_nothing_and_succeed_when_the_fault_is_over() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let elsewhere = "127.0.0.1:4711".parse().unwrap();
    for (fault, code) in [
        (Fault::NotReady, Code::Unavailable),
        (Fault::TimedOut, Code::Aborted),
        (Fault::TooLarge, Code::InvalidArgument),
        (Fault::NotLeader(elsewhere), Code::NotFound),
    ] {
        server.faults().inject(Operation::Write, fault, Lasting::Requests(1));
        assert_eq!(code_of(&mut client, &ids(1)).await, code, "{fault:?}");
    }
    assert_eq!((written(&server), server.faults().befallen()), (0, 4));
    client.append("page-1", NO_STREAM, &ids(1)).await.unwrap();
}

#[tokio::test]
async fn not_leader_names_the_other_node_in_its_trailers() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let fault = Fault::NotLeader("127.0.0.1:4711".parse().unwrap());
    server.faults().inject(Operation::Write, fault, Lasting::Requests(1));
    let refused = client.append("page-1", ANY, &ids(1)).await.unwrap_err();
    assert_eq!(trailer(&refused, "exception"), Some("not-leader"));
    assert_eq!(trailer(&refused, "leader-endpoint-host"), Some("127.0.0.1"));
    assert_eq!(trailer(&refused, "leader-endpoint-port"), Some("4711"));
}

#[tokio::test]
async fn a_lost_acknowledgement_leaves_the_append_which_is_known_when_it_is_repeated() {
    let server = Server::start(Options::default()).await.unwrap();
    let losses = [Loss::Unavailable, Loss::TimedOut, Loss::Disconnected];
    for (count, loss) in losses.into_iter().enumerate() {
        let mut client = Client::connect(server.address()).await;
        let (stream, ids) = (format!("page-{count}"), ids(2));
        let fault = Fault::AcknowledgementLost(loss);
        server.faults().inject(Operation::Write, fault, Lasting::Requests(1));
        client.append(&stream, NO_STREAM, &ids).await.expect_err("the acknowledgement is lost");
        assert_eq!(written(&server), 2 * (count + 1), "{loss:?}");
        let mut client = Client::connect(server.address()).await;
        let again = client.append(&stream, NO_STREAM, &ids).await.unwrap();
        assert!(matches!(again, Outcome::At { revision: 1, .. }), "{again:?}");
        assert_eq!(written(&server), 2 * (count + 1), "{loss:?}");
    }
}

#[tokio::test]
async fn an_append_without_an_answer_is_carried_out_or_not_as_asked_and_ends_with_its_client() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for (fault, expected) in [(Fault::Unanswered, 0), (Fault::AcknowledgementLost(Loss::Unanswered), 1)] {
        server.faults().inject(Operation::Write, fault, Lasting::Requests(1));
        let mut asking = Client { streams: client.streams.clone() };
        let append = tokio::spawn(async move { asking.append("page-1", ANY, &ids(1)).await });
        // The fault decides the outcome of the append. After that, the server handles other requests.
        let deadline = Instant::now() + PATIENCE;
        while server.faults().befallen() < u64::try_from(expected).unwrap() + 1 {
            assert!(Instant::now() < deadline, "the append arrives");
            tokio::task::yield_now().await;
        }
        client.read_all(beginning(), Forwards, 1).await.unwrap();
        assert!(!append.is_finished());
        append.abort();
        assert_eq!(written(&server), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_delayed_append_is_answered_later() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let delay = Duration::from_millis(60);
    server.faults().inject(Operation::Write, Fault::Delay(delay), Lasting::Requests(1));
    let begin = Instant::now();
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    assert!(begin.elapsed() >= delay);
}

#[tokio::test]
async fn cut_connections_end_what_runs_and_the_next_one_is_accepted() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
    until_caught_up(&mut subscription).await;
    server.faults().cut_connections();
    let end = timeout(PATIENCE, subscription.message()).await.expect("an end in time");
    end.expect_err("the connection is gone");
    let mut client = Client::connect(server.address()).await;
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    let mut subscription = client.subscribe(beginning(), no_filter()).await.unwrap();
    next(&mut subscription).await;
}

#[tokio::test]
async fn reads_subscriptions_and_discovery_have_faults_of_their_own() {
    let server = Server::start(Options::default()).await.unwrap();
    let mut client = Client::connect(server.address()).await;
    for operation in [Operation::Read, Operation::Subscribe, Operation::Discover] {
        server.faults().inject(operation, Fault::NotReady, Lasting::UntilCleared);
    }
    client.append("page-1", ANY, &ids(1)).await.unwrap();
    let read = client.read_all(beginning(), Forwards, 1).await.unwrap_err();
    let subscribed = client.subscribe(beginning(), no_filter()).await.unwrap_err();
    let mut features = ServerFeaturesClient::new(channel(server.address()).await);
    let discovered = features.get_supported_methods(Empty {}).await.unwrap_err();
    for refused in [read, subscribed, discovered] {
        assert_eq!(refused.code(), Code::Unavailable);
    }
    server.faults().clear();
    client.read_all(beginning(), Forwards, 1).await.unwrap();
    let methods = features.get_supported_methods(Empty {}).await.unwrap().into_inner();
    assert!(methods.methods.iter().any(|method| method.method_name == "batchappend"));
    assert_eq!(methods.event_store_server_version.split('.').count(), 3);
}
