//! The small streams on a log in memory: set up once, changed in turn, current in every process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use daybook_domain::Actor;
use daybook_domain::catalog::{Catalog, CatalogCommand, first_services};
use daybook_domain::routing::{ReadsRolledBack, Routing, RoutingCommand};
use daybook_event_log::memory::MemoryLog;
use futures_util::future::join_all;

use super::*;

fn origin() -> Origin {
    Origin::of(Actor::system())
}

fn now() -> DateTime<Utc> {
    "2026-11-20T01:00:00Z".parse().unwrap()
}

fn toggle(is_active: bool) -> CatalogCommand {
    let service = daybook_domain::ServiceId::parse("srv_skin_care").unwrap();
    if is_active {
        CatalogCommand::ActivateService(service)
    } else {
        CatalogCommand::DeactivateService(service)
    }
}

async fn length(log: &MemoryLog, stream: StreamName) -> usize {
    let events = log.read_stream(&stream, Revision::FIRST).await.unwrap();
    events.try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn processes_that_start_together_set_up_a_clinic_once() {
    let log = MemoryLog::new();
    let processes: Vec<CachedAggregate<Catalog>> = (0..8).map(|_| CachedAggregate::unread()).collect();
    let (origin, now) = (origin(), now());
    let started = processes.iter().map(|kept| kept.begin(&log, first_services(), &origin, now));
    let events: usize = join_all(started).await.into_iter().map(|changed| changed.unwrap().events).sum();
    assert_eq!((events, length(&log, StreamName::catalog()).await), (12, 12));
    assert!(processes.iter().all(|kept| kept.state().in_order().len() == 6));
}

#[tokio::test]
async fn setting_up_again_leaves_what_was_changed_since() {
    let log = MemoryLog::new();
    let kept = CachedAggregate::<Catalog>::unread();
    kept.begin(&log, first_services(), &origin(), now()).await.unwrap();
    kept.change(&log, vec![toggle(false)], &origin(), now()).await.unwrap();
    let again = CachedAggregate::<Catalog>::unread();
    assert_eq!(again.begin(&log, first_services(), &origin(), now()).await.unwrap().events, 0);
    assert!(!again.state().by_code("SKIN_CARE").unwrap().is_active);
}

#[tokio::test]
async fn what_has_its_effect_already_appends_nothing_also_where_another_process_did_it() {
    let log = MemoryLog::new();
    let (one, other) = (CachedAggregate::<Routing>::unread(), CachedAggregate::<Routing>::unread());
    let roll_back = || vec![RoutingCommand::RollBackReads(ReadsRolledBack { reason: "errors".into() })];
    let done = one.change(&log, roll_back(), &origin(), now()).await.unwrap();
    let again = other.change(&log, roll_back(), &origin(), now()).await.unwrap();
    assert_eq!((done.events, again.events), (1, 0));
    assert_eq!(again.position, done.position);
}

#[tokio::test]
async fn commands_of_many_processes_are_decided_one_after_the_other() {
    let log = MemoryLog::new();
    let (origin, now) = (origin(), now());
    let processes: Vec<CachedAggregate<Catalog>> = (0..3).map(|_| CachedAggregate::unread()).collect();
    processes[0].begin(&log, first_services(), &origin, now).await.unwrap();
    let asked = (0..30).map(|n| processes[n % 3].change(&log, vec![toggle(n % 2 == 1)], &origin, now));
    assert!(join_all(asked).await.iter().all(Result::is_ok));
    // Whatever the order was, each event turned the service over: nothing was decided on old knowledge.
    let events = log.read_stream(&StreamName::catalog(), Revision::FIRST).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    let kinds: Vec<&str> = events.iter().skip(12).map(|recorded| &*recorded.event_type).collect();
    assert!(!kinds.is_empty() && kinds.windows(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
}

#[tokio::test]
async fn an_event_seen_twice_changes_nothing_and_a_gap_is_filled() {
    let log = MemoryLog::new();
    let writer = CachedAggregate::<Catalog>::unread();
    writer.begin(&log, first_services(), &origin(), now()).await.unwrap();
    writer.change(&log, vec![toggle(false)], &origin(), now()).await.unwrap();
    let events = log.read_stream(&StreamName::catalog(), Revision::FIRST).await.unwrap();
    let events: Vec<RecordedEvent> = events.try_collect().await.unwrap();
    let follower = CachedAggregate::<Catalog>::unread();
    for place in [12, 0, 12, 3] {
        follower.see(&events[place], &log).await.unwrap();
        assert_eq!(*follower.state(), *writer.state());
    }
}
