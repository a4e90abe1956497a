//! Routing: a change is in force in every process within a second, and one subject gets one answer.

use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_domain::routing::{DynamicShareSet, ReadsRolledBack, RoutedSubject, RoutingCommand, Share};
use daybook_event_log::postgres::{Options, PostgresLog};
use daybook_projections::{Router, ViewError};
use daybook_tests::clinic::{Clinic, desk, request};
use std::sync::Arc;

/// A router with connections of its own, as another process has it.
async fn another_process(clinic: &Clinic) -> Router {
    let log = PostgresLog::connect(clinic.database.config(), Options::default()).await.unwrap();
    Router::open(Arc::new(log), clinic.views().await.unwrap()).await.unwrap()
}

async fn set_share(clinic: &Clinic, percent: f64) {
    let set = DynamicShareSet { share: Share::percent(percent).unwrap(), reason: "test".into() };
    clinic.commands.change_routing(RoutingCommand::SetDynamicShare(set), desk()).await.unwrap();
}

async fn until(router: &Router, subject: Option<&RoutedSubject>, model: ReadModel) -> Duration {
    let since = Instant::now();
    while router.choose(subject).unwrap().model() != model {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flip_and_a_rollback_are_in_force_in_every_process_within_a_second() {
    let clinic = Clinic::open().await.unwrap();
    let routers = [another_process(&clinic).await, another_process(&clinic).await];
    set_share(&clinic, 100.0).await;
    for router in &routers {
        assert!(until(router, None, ReadModel::Dynamic).await < Duration::from_secs(1));
    }
    let back = RoutingCommand::RollBackReads(ReadsRolledBack { reason: "test".into() });
    clinic.commands.change_routing(back, desk()).await.unwrap();
    for router in &routers {
        assert!(until(router, None, ReadModel::Legacy).await < Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subject_gets_one_model_in_every_process_and_after_a_restart() {
    let clinic = Clinic::open().await.unwrap();
    set_share(&clinic, 25.0).await;
    let subjects: Vec<_> = (0..400).map(|n| RoutedSubject::client(&format!("client-{n}"))).collect();
    let choices = async || {
        let router = another_process(&clinic).await;
        let chosen = subjects.iter().map(|subject| router.choose(Some(subject)).unwrap().model());
        chosen.collect::<Vec<_>>()
    };
    let first = choices().await;
    assert_eq!(choices().await, first);
    let dynamic = first.iter().filter(|model| **model == ReadModel::Dynamic).count();
    assert!((60..140).contains(&dynamic), "{dynamic} of 400");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_waits_for_its_own_booking_and_a_view_that_stands_still_is_told() {
    let clinic = Clinic::open().await.unwrap();
    let router = Router::open(clinic.log.clone(), clinic.views().await.unwrap()).await.unwrap();
    let wanted = request(1, "srv_wrinkle_botox", "2026-12-10", "10:00", ReadModel::Legacy);
    let booked = clinic.commands.request(wanted, desk()).await.unwrap();
    let patience = Duration::from_secs(5);
    let route = router.choose_with(None, booked.position, patience).await.unwrap();
    let views = router.views().serving();
    assert!(views.of(route.model()).unwrap().position >= booked.position);
    let beyond = daybook_event_log::Position::new(1 << 40, 1 << 40).unwrap();
    let late = router.choose_with(None, beyond, Duration::from_millis(50)).await;
    assert!(matches!(late, Err(ViewError::TimedOut { .. })), "{late:?}");
}
