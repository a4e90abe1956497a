//! Kept generations, and dry runs that write nothing.

use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_projections::{Generation, GenerationState, Rebuild, ViewError, generation};
use daybook_tests::clinic::Clinic;

use crate::history::{TestRng, contents, live, run_random_steps};

const FIRST: Generation = Generation { model: ReadModel::Legacy, number: 1 };
const SECOND: Generation = Generation { model: ReadModel::Legacy, number: 2 };

/// The generations and their states.
async fn states(clinic: &Clinic) -> Vec<(Generation, GenerationState)> {
    let client = clinic.pool.get().await.unwrap();
    let statuses = generation::list(&client).await.unwrap();
    statuses.into_iter().map(|status| (status.generation, status.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_generation_catches_up_and_serves_again() {
    let clinic = Clinic::open().await.unwrap();
    let mut rng = TestRng::new(21);
    run_random_steps(&clinic, &mut rng, 60).await;
    clinic.rebuild().run(&[ReadModel::Legacy], &|_| {}).await.unwrap();
    assert_eq!(live(&clinic, ReadModel::Legacy).await, SECOND);
    run_random_steps(&clinic, &mut rng, 60).await;
    clinic.wait_for_views().await.unwrap();
    let shown = contents(&clinic, SECOND).await;
    assert_ne!(contents(&clinic, FIRST).await, shown, "it must not have advanced");

    let report = clinic.rebuild().promote_again(FIRST, &|_| {}).await.unwrap();
    assert!(report.compared, "{report:?}");
    assert_eq!(live(&clinic, ReadModel::Legacy).await, FIRST);
    assert_eq!(contents(&clinic, FIRST).await, shown);
    // From here on it is kept up to date like any other.
    run_random_steps(&clinic, &mut rng, 40).await;
    clinic.wait_for_views().await.unwrap();
    let verdict =
        daybook_projections::verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    clinic.rebuild().promote_again(SECOND, &|_| {}).await.unwrap();
    assert_eq!(live(&clinic, ReadModel::Legacy).await, SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_former_generation_is_left_if_none_is_to_be_kept() {
    let clinic = Clinic::open().await.unwrap();
    let rebuild = Rebuild::new(clinic.log.clone(), clinic.vault.clone(), clinic.pool.clone(), 0);
    // Nobody reads the views here.
    let rebuild = rebuild.with_last_readers(Duration::from_millis(100));
    rebuild.run(&[ReadModel::Legacy], &|_| {}).await.unwrap();
    let legacy =
        states(&clinic).await.into_iter().filter(|(generation, _)| generation.model == ReadModel::Legacy);
    assert_eq!(legacy.collect::<Vec<_>>(), [(SECOND, GenerationState::Live)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_or_unbuilt_generation_is_not_promoted() {
    let clinic = Clinic::open().await.unwrap();
    let before = states(&clinic).await;
    for (generation, state) in [(FIRST, Some(GenerationState::Live)), (SECOND, None)] {
        let refused = clinic.rebuild().promote_again(generation, &|_| {}).await;
        let expected = (generation, state);
        assert!(
            matches!(refused, Err(ViewError::NotKept { generation, state }) if (generation, state) == expected),
            "{refused:?}"
        );
    }
    assert_eq!(states(&clinic).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_gives_the_result_of_a_rebuild_and_writes_nothing() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(22), 80).await;
    clinic.wait_for_views().await.unwrap();
    let (before, head) = (states(&clinic).await, clinic.log.head().await.unwrap());
    let trial = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!(states(&clinic).await, before);
    assert_eq!(trial.position, head);
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!(trial.views.len(), 2);
    for view in trial.views {
        assert_eq!(view.reservations as u64, report.reservations);
        assert!(view.bytes > 100 * report.reservations, "{view:?}");
        assert!(report.digests.values().all(|digest| *digest == view.digest), "{view:?} {report:?}");
    }
    assert_eq!(trial.events, report.events);
}

/// An event that this release does not know, and that the live view has not parked, stops a rebuild, which names it. A dry
/// run names it and continues.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_applied_is_named() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(23), 10).await;
    clinic.wait_for_views().await.unwrap();
    clinic.stop_engine();
    let client = clinic.database.connect().await.unwrap();
    let append_unknown = "
        INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
        SELECT max(position) + 1, 0, gen_random_uuid(), 'daybook-2199-01-01', 'ReservationTeleported', '{}',
               (SELECT metadata FROM event_log.events LIMIT 1)
        FROM event_log.events RETURNING position";
    let position: i64 = client.query_one(append_unknown, &[]).await.unwrap().get(0);
    let trial = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let [failing] = &*trial.failings.events else { panic!("{trial:?}") };
    assert_eq!((failing.position.to_parts().0, &*failing.kind), (position, "ReservationTeleported"));
    let error = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap_err();
    let ViewError::Event { position: at, kind, .. } = &error else { panic!("{error:?}") };
    assert_eq!((at.to_parts().0, &**kind), (position, "ReservationTeleported"));
    assert!(error.to_string().contains("`daybook events show daybook-2199-01-01`"), "{error}");
    assert_eq!(live(&clinic, ReadModel::Legacy).await, FIRST);
}
