//! The singleton streams on a log in memory: initialised once, changed in order, current in every process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use daybook_domain::Actor;
use daybook_domain::catalog::{
    Catalog, CatalogCommand, CatalogRejection, ServiceChange, ServiceDraft, first_services,
};
use daybook_domain::routing::{ReadsRolledBack, Routing, RoutingCommand};
use daybook_event_log::memory::MemoryLog;
use futures_util::future::join_all;

use super::*;

fn origin() -> Origin {
    Origin::from_actor(Actor::system())
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
async fn processes_that_start_together_initialize_a_clinic_once() {
    let log = MemoryLog::new();
    let processes: Vec<CachedAggregate<Catalog>> = (0..8).map(|_| CachedAggregate::new()).collect();
    let (origin, now) = (origin(), now());
    let started = processes.iter().map(|cached| cached.initialize(&log, first_services(), &origin, now));
    let events: usize = join_all(started).await.into_iter().map(|changed| changed.unwrap().events).sum();
    assert_eq!((events, length(&log, StreamName::catalog()).await), (12, 12));
    assert!(processes.iter().all(|cached| cached.state().in_order().len() == 6));
}

#[tokio::test]
async fn a_second_initialization_keeps_later_changes() {
    let log = MemoryLog::new();
    let cached = CachedAggregate::<Catalog>::new();
    cached.initialize(&log, first_services(), &origin(), now()).await.unwrap();
    cached.change(&log, vec![toggle(false)], &origin(), now()).await.unwrap();
    let again = CachedAggregate::<Catalog>::new();
    assert_eq!(again.initialize(&log, first_services(), &origin(), now()).await.unwrap().events, 0);
    assert!(!again.state().by_code("SKIN_CARE").unwrap().is_active);
}

#[tokio::test]
async fn a_command_whose_effect_exists_appends_nothing_even_if_another_process_caused_it() {
    let log = MemoryLog::new();
    let (one, other) = (CachedAggregate::<Routing>::new(), CachedAggregate::<Routing>::new());
    let roll_back = || vec![RoutingCommand::RollBackReads(ReadsRolledBack { reason: "errors".into() })];
    let done = one.change(&log, roll_back(), &origin(), now()).await.unwrap();
    let again = other.change(&log, roll_back(), &origin(), now()).await.unwrap();
    assert_eq!((done.events, again.events), (1, 0));
    assert_eq!(again.position, done.position);
}

#[tokio::test]
async fn commands_of_several_processes_are_decided_one_after_the_other() {
    let log = MemoryLog::new();
    let (origin, now) = (origin(), now());
    let processes: Vec<CachedAggregate<Catalog>> = (0..3).map(|_| CachedAggregate::new()).collect();
    processes[0].initialize(&log, first_services(), &origin, now).await.unwrap();
    let changes = (0..30).map(|n| processes[n % 3].change(&log, vec![toggle(n % 2 == 1)], &origin, now));
    assert!(join_all(changes).await.iter().all(Result::is_ok));
    // In any order, each event toggled the service, so no decision was based on stale state.
    let events = log.read_stream(&StreamName::catalog(), Revision::FIRST).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    let kinds: Vec<&str> = events.iter().skip(12).map(|recorded| &*recorded.event_type).collect();
    assert!(!kinds.is_empty() && kinds.windows(2).all(|pair| pair[0] != pair[1]), "{kinds:?}");
}

#[tokio::test]
async fn parallel_changes_of_one_service_each_report_the_state_they_were_decided_against() {
    let log = MemoryLog::new();
    let (origin, now) = (origin(), now());
    let processes: Vec<CachedAggregate<Catalog>> = (0..2).map(|_| CachedAggregate::new()).collect();
    processes[0].initialize(&log, first_services(), &origin, now).await.unwrap();
    let id = || daybook_domain::ServiceId::parse("srv_skin_care").unwrap();
    let change = |number: u32| {
        let name = Some(format!("이름 {number}").into());
        let name_en = Some(Some(format!("name {number}").into()));
        let change =
            ServiceChange { name, name_en, duration: Some(30 + number), ..ServiceChange::none(id()) };
        vec![CatalogCommand::ChangeService(change)]
    };
    let (first, second) = (&processes[0], &processes[1]);
    let changes = (0..8).map(|n| [first, second][n as usize % 2].change(&log, change(n), &origin, now));
    let outcomes: Vec<_> = join_all(changes).await.into_iter().map(Result::unwrap).collect();
    let numbers = |catalog: &Catalog| {
        let service = catalog.get(&id()).unwrap();
        let last = |text: &str| text.rsplit(' ').next().unwrap_or_default().to_owned();
        [last(&service.name), last(service.name_en.as_deref().unwrap()), (service.duration - 30).to_string()]
    };
    let mut reached = vec![numbers(&outcomes[0].before)];
    let mut in_order: Vec<_> = outcomes.iter().collect();
    in_order.sort_by_key(|outcome| outcome.position);
    for outcome in in_order {
        assert_eq!(outcome.events, 2, "names and times in one append");
        let [before, after] = [numbers(&outcome.before), numbers(&outcome.after)];
        assert_eq!(reached.last(), Some(&before), "it was decided after the one before it");
        assert!(after.windows(2).all(|pair| pair[0] == pair[1]), "mixed: {after:?}");
        reached.push(after);
    }
}

#[tokio::test]
async fn two_definitions_of_one_code_at_the_same_time_make_one_service() {
    let log = MemoryLog::new();
    let processes: Vec<CachedAggregate<Catalog>> = (0..4).map(|_| CachedAggregate::new()).collect();
    let (origin, now) = (origin(), now());
    let Some(CatalogCommand::DefineService(first)) = first_services().into_iter().next() else { panic!() };
    let define = |number: u32| {
        let (service, code) = (daybook_domain::ServiceId::parse("srv_laser").unwrap(), "LASER".into());
        let draft = ServiceDraft { service, code, legacy: None, duration: 30 + number, ..first.clone() };
        vec![CatalogCommand::DefineService(draft)]
    };
    let defined = (0..).zip(&processes).map(|(n, cached)| cached.change(&log, define(n), &origin, now));
    let outcomes = join_all(defined).await;
    let refused = |outcome: &Result<_, CommandError>| {
        matches!(outcome, Err(CommandError::Catalog(CatalogRejection::CodeTaken(_))))
    };
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| refused(outcome)).count(), 3);
}

#[tokio::test]
async fn a_repeated_event_changes_nothing_and_a_gap_is_filled() {
    let log = MemoryLog::new();
    let writer = CachedAggregate::<Catalog>::new();
    writer.initialize(&log, first_services(), &origin(), now()).await.unwrap();
    writer.change(&log, vec![toggle(false)], &origin(), now()).await.unwrap();
    let events = log.read_stream(&StreamName::catalog(), Revision::FIRST).await.unwrap();
    let events: Vec<RecordedEvent> = events.try_collect().await.unwrap();
    let follower = CachedAggregate::<Catalog>::new();
    for index in [12, 0, 12, 3] {
        follower.follow(&events[index], &log).await.unwrap();
        assert_eq!(*follower.state(), *writer.state());
    }
}
