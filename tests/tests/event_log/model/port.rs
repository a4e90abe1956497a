//! Compares the adapters with a model of the port. The EventStoreDB adapter runs on the protocol server.

mod asked;
mod case;
mod operation;
mod plain;
mod told;

use anyhow::Context;

use super::cases::check;
use crate::event_log::adapters::{self, Opened};
use case::Case;
use operation::{Operation, any_operation};

async fn play(opened: Opened, operations: Vec<Operation>) -> anyhow::Result<()> {
    let mut case = Case::new(opened.log());
    for (number, operation) in operations.iter().enumerate() {
        case.apply(operation).await.with_context(|| format!("operation {number}"))?;
    }
    case.finish().await.context("after the last operation")
}

#[test]
fn the_eventstore_adapter_on_the_protocol_server_answers_as_the_model_does() {
    check(any_operation, async |operations| play(adapters::eventstore().await, operations).await);
}

#[test]
fn the_postgres_adapter_answers_as_the_model_does() {
    check(any_operation, async |operations| play(adapters::postgres().await, operations).await);
}

/// Checks that the model describes the port and not the specifics of EventStoreDB.
#[test]
fn the_memory_adapter_answers_as_the_model_does() {
    check(any_operation, async |operations| play(adapters::memory().await, operations).await);
}
