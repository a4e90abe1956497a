//! Revoked tokens in every process, and revocations that a process cannot read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use daybook_commands::{CommandError, Commands, Discards, Settings, Source};
use daybook_domain::ClinicZone;
use daybook_domain::access::TokenName;
use daybook_event_log::{EventId, EventLog, EventType, Expected, NewEvent, Position, Revision, StreamName};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use uuid::Uuid;

use crate::clinic::{Clinic, Process, TestClock, staff, until};

fn is_revoked(commands: &Commands, id: &str) -> bool {
    commands.revocations().unwrap().contains(TokenName { id: Some(id), subject: "kim", issued: None })
}

async fn revoke(process: &Process, id: &str) -> Result<bool, CommandError> {
    let revoked = process.commands.revoke_token(id.into(), TimeDelta::days(1), None, staff()).await?;
    Ok(!revoked.is_repeated)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_every_process_and_those_that_start_later() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    assert!(revoke(&one, "a").await.unwrap() && is_revoked(&one.commands, "a"));
    until("the other process knows it", async || is_revoked(&other.commands, "a")).await;
    assert!(!revoke(&other, "a").await.unwrap(), "its effect is there already");
    assert!(is_revoked(&clinic.process().await.commands, "a") && !is_revoked(&one.commands, "b"));
}

#[derive(Debug, Default)]
struct Decisions(Mutex<Vec<(StreamName, Position)>>);

impl Discards for Decisions {
    fn list(&self) -> BoxFuture<'_, Result<Vec<(StreamName, Position)>, Source>> {
        async { Ok(self.0.lock().unwrap().clone()) }.boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_of_revocations_is_passed_off_as_complete() {
    let (_clinic, process) = Clinic::set_up().await;
    revoke(&process, "a").await.unwrap();
    let discards = Arc::new(Decisions::default());
    let open = || {
        let settings = Settings {
            zone: ClinicZone::SEOUL,
            clock: Arc::new(TestClock),
            bounds: daybook_commands::StrangerBounds::NONE,
        };
        Commands::open_without(process.log.clone(), process.vault.clone(), settings, discards.clone())
    };
    let running = open().await.unwrap();
    assert!(is_revoked(&running, "a"));
    // A newer release may record what this one does not know.
    let unknown = NewEvent {
        id: EventId(Uuid::now_v7()),
        event_type: EventType::named("EverythingRevoked"),
        payload: "{}".into(),
        metadata: r#"{"schema_version":1,"recorded_at":1796083200123456,"actor":"kim"}"#.into(),
    };
    let first = Expected::Exact(Revision::FIRST);
    let appended = process.log.append(&StreamName::access(), first, vec![unknown]).await.unwrap();
    until("a running process knows that it does not know", async || running.revocations().is_err()).await;
    let started = open().await.unwrap();
    assert!(matches!(started.revocations(), Err(CommandError::Codec { .. })));
    discards.0.lock().unwrap().push((StreamName::access(), appended.position));
    assert!(is_revoked(&open().await.unwrap(), "a"), "the event is left out");
    let first =
        process.log.read_stream(&StreamName::access(), Revision::FIRST).await.unwrap().try_next().await;
    discards.0.lock().unwrap().push((StreamName::access(), first.unwrap().unwrap().position));
    assert!(is_revoked(&open().await.unwrap(), "a"), "a revocation that can be decoded always counts");
}
