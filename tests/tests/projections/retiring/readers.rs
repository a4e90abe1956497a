//! Reads continue while the view that they were just routed to is retired, and while it is rebuilt.

use std::sync::atomic::{AtomicBool, Ordering};

use daybook_domain::ReservationId;
use daybook_event_log::postgres::{Options, PostgresLog};
use daybook_projections::Router;
use daybook_projections::query::Queries;
use tokio::task::JoinSet;

use super::*;

/// Readers, each with its own router, as in another process.
const READERS: usize = 4;

/// The delay between the routing of a request and its query, far longer than usual.
const REQUEST_DELAY: Duration = Duration::from_millis(300);

/// Long enough for such requests, and short enough for a test.
const SHORT: Patience = Patience { in_force: Duration::from_secs(1), last_readers: Duration::from_secs(2) };

/// Reads until told to stop; every read must find the reservation. Returns the number of reads per model.
async fn read_repeatedly(
    router: Router,
    queries: Queries,
    id: ReservationId,
    stop: Arc<AtomicBool>,
) -> (usize, usize) {
    let (mut legacy, mut dynamic) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let route = router.choose(None).expect("there is no live view");
        // This sleep is the delay of the request.
        tokio::time::sleep(REQUEST_DELAY).await;
        let answer = queries.reservation(route.generation, &id).await.expect("a failed read");
        assert_eq!(answer.value.expect("the reservation was not found").id, id.as_str());
        match route.model() {
            ReadModel::Legacy => legacy += 1,
            ReadModel::Dynamic => dynamic += 1,
        }
    }
    (legacy, dynamic)
}

async fn readers(clinic: &Clinic, id: &ReservationId, stop: &Arc<AtomicBool>) -> JoinSet<(usize, usize)> {
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let log = PostgresLog::connect(clinic.database.config(), Options::default()).await.unwrap();
        let router = Router::open(Arc::new(log), clinic.views().await.unwrap()).await.unwrap();
        let queries = Queries::new(clinic.database.config(), clinic.pool.clone());
        readers.spawn(read_repeatedly(router, queries, id.clone(), Arc::clone(stop)));
    }
    readers
}

async fn roll_back(clinic: &Clinic) {
    let back = daybook_domain::routing::ReadsRolledBack { reason: "test".into() };
    clinic.commands.change_routing(RoutingCommand::RollBackReads(back), desk()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_fails_while_the_view_is_retired_restored_and_routed_to_again() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(48), 40).await;
    let new_reservation = request(900, "srv_wrinkle_botox", "2026-12-08", "09:00", ReadModel::Legacy);
    let id = clinic.commands.request(new_reservation, desk()).await.unwrap().reservation;
    clinic.wait_for_views().await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers = readers(&clinic, &id, &stop).await;
    let retirement = retirement(&clinic).with_patience(SHORT);
    for _ in 0..2 {
        // Until now the legacy view answered all reads; it is retired immediately.
        tokio::time::sleep(REQUEST_DELAY).await;
        set_share(&clinic, 100.0).await;
        retire_by(&clinic, &retirement).await;
        assert!(!readers.is_empty() && legacy_objects(&clinic).await.is_empty());
        restore_by(&clinic, &retirement).await;
        roll_back(&clinic).await;
    }
    tokio::time::sleep(REQUEST_DELAY * 2).await;
    stop.store(true, Ordering::Relaxed);
    for (legacy, dynamic) in readers.join_all().await {
        assert!(legacy > 1 && dynamic > 5, "{legacy} reads of the legacy view, {dynamic} of the dynamic");
    }
}
