//! Routing: a change takes effect in every process within a second, and all processes route a subject alike.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_domain::routing::{
    DynamicShareSet, ReadsRolledBack, RolloutPercentage, RoutedSubject, RoutingCommand,
};
use daybook_event_log::postgres::{Options, PostgresLog};
use daybook_projections::{Router, ViewError};
use daybook_tests::clinic::{Clinic, desk, request};
use std::sync::Arc;

/// A router with its own connections, as in another process.
async fn another_process(clinic: &Clinic) -> Router {
    let log = PostgresLog::connect(clinic.database.config(), Options::default()).await.unwrap();
    Router::open(Arc::new(log), clinic.views().await.unwrap()).await.unwrap()
}

async fn set_share(clinic: &Clinic, percent: f64) {
    let set =
        DynamicShareSet { share: RolloutPercentage::from_percent(percent).unwrap(), reason: "test".into() };
    clinic.commands.change_routing(RoutingCommand::SetDynamicShare(set), desk()).await.unwrap();
}

async fn wait_until_routed(router: &Router, subject: Option<&RoutedSubject>, model: ReadModel) -> Duration {
    let since = Instant::now();
    while router.choose(subject).unwrap().model() != model {
        assert!(since.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_change_and_a_rollback_take_effect_in_every_process_within_a_second() {
    let clinic = Clinic::open().await.unwrap();
    let routers = [another_process(&clinic).await, another_process(&clinic).await];
    set_share(&clinic, 100.0).await;
    for router in &routers {
        assert!(wait_until_routed(router, None, ReadModel::Dynamic).await < Duration::from_secs(1));
    }
    let back = RoutingCommand::RollBackReads(ReadsRolledBack { reason: "test".into() });
    clinic.commands.change_routing(back, desk()).await.unwrap();
    for router in &routers {
        assert!(wait_until_routed(router, None, ReadModel::Legacy).await < Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_routes_the_same_of_100_000_subjects_to_the_dynamic_view() {
    let clinic = Clinic::open().await.unwrap();
    let subjects: Vec<_> = (0..100_000).map(|n| RoutedSubject::client(&format!("client-{n}"))).collect();
    let dynamic = |router: &Router| {
        let model = |n: &usize| router.choose(Some(&subjects[*n])).unwrap().model();
        (0..subjects.len()).filter(|n| model(n) == ReadModel::Dynamic).collect::<BTreeSet<usize>>()
    };
    let running = another_process(&clinic).await;
    let mut fewer = BTreeSet::new();
    for percent in [5.0, 25.0] {
        set_share(&clinic, percent).await;
        let in_force = async |router: &Router| {
            while router.routing().share.as_percent() != percent {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), in_force(&running)).await.unwrap();
        let more = dynamic(&running);
        assert_eq!(dynamic(&another_process(&clinic).await), more, "a process that starts at {percent} %");
        let part = more.len() as f64 / 1_000.0;
        assert!((part - percent).abs() <= 0.5, "{part} % are dynamic at {percent} %");
        assert!(more.is_superset(&fewer), "those of a smaller percentage must remain at {percent} %");
        fewer = more;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_waits_for_its_own_booking_and_a_stalled_view_is_reported() {
    let clinic = Clinic::open().await.unwrap();
    let router = Router::open(clinic.log.clone(), clinic.views().await.unwrap()).await.unwrap();
    let new_reservation = request(1, "srv_wrinkle_botox", "2026-12-10", "10:00", ReadModel::Legacy);
    let booked = clinic.commands.request(new_reservation, desk()).await.unwrap();
    let patience = Duration::from_secs(5);
    let route = router.choose_with(None, booked.position, patience).await.unwrap();
    let views = router.views().serving();
    assert!(views.get(route.model()).unwrap().position >= booked.position);
    let beyond = daybook_event_log::Position::new(1 << 40, 1 << 40).unwrap();
    let late = router.choose_with(None, beyond, Duration::from_millis(50)).await;
    assert!(matches!(late, Err(ViewError::TimedOut { .. })), "{late:?}");
}
