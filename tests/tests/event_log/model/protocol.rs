//! Compares the protocol server with a model of EventStoreDB. Uses the bare client, to cover the features that the
//! adapter does not use.

mod asked;
mod case;
mod node;
mod operation;
mod plain;
mod sieve;
mod subscriber;

use anyhow::Context;
use daybook_log_server::{Options, Server};

use super::cases::check;
use case::Case;
use node::Node;
use operation::{Operation, any_operation};

async fn play(operations: Vec<Operation>) -> anyhow::Result<()> {
    let server = Server::start(Options::default()).await?;
    let mut case = Case::new(Node::connect(&server.url())?);
    for (number, operation) in operations.iter().enumerate() {
        case.apply(operation).await.with_context(|| format!("operation {number}"))?;
    }
    case.finish().await.context("after the last operation")
}

#[test]
fn the_protocol_server_answers_the_bare_client_as_the_model_does() {
    check(any_operation, play);
}
