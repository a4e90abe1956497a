//! Rebuilding: its result, and reads during it.

use daybook_domain::ReadModel;
use daybook_projections::query::Queries;
use daybook_projections::{Generation, ViewError, generation};
use daybook_tests::clinic::{Clinic, desk, request};
use tokio::sync::watch;

use crate::history::{TestRng, contents, live, run_random_steps};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_equals_a_rebuilt_one_byte_for_byte() {
    for seed in 1..4 {
        let clinic = Clinic::open().await.unwrap();
        run_random_steps(&clinic, &mut TestRng::new(seed), 150).await;
        clinic.wait_for_views().await.unwrap();
        let mut before = Vec::new();
        for model in ReadModel::ALL {
            before.push(contents(&clinic, live(&clinic, model).await).await);
        }
        let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
        assert!(report.compared && report.reservations > 10, "{report:?}");
        for (model, before) in ReadModel::ALL.into_iter().zip(before) {
            let rebuilt = live(&clinic, model).await;
            assert_eq!(rebuilt, Generation { model, number: 2 });
            assert_eq!(contents(&clinic, rebuilt).await, before, "seed {seed}, {model}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn competing_engines_project_every_event_once() {
    let clinic = Clinic::open().await.unwrap();
    let stop = watch::channel(false);
    for host in ["first", "second", "third"] {
        tokio::spawn(clinic.engine(host).run(stop.1.clone()));
    }
    let mut rng = TestRng::new(11);
    for _ in 0..5 {
        run_random_steps(&clinic, &mut rng, 20).await;
        // The leader loses its connection, and with it the lock.
        let client = clinic.database.connect().await.unwrap();
        let leaders =
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
            (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()";
        client.execute(leaders, &[]).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    let before = contents(&clinic, live(&clinic, ReadModel::Dynamic).await).await;
    clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    assert_eq!(contents(&clinic, live(&clinic, ReadModel::Dynamic).await).await, before);
    stop.0.send_replace(true);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_views_are_rebuilt_with_equal_digests() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(5), 80).await;
    clinic.wait_for_views().await.unwrap();
    let before = daybook_projections::verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("DROP SCHEMA legacy_1 CASCADE; DROP SCHEMA dynamic_1 CASCADE").await.unwrap();
    for model in ReadModel::ALL {
        clinic.rebuild().run(&[model], &|_| {}).await.unwrap();
    }
    let after = daybook_projections::verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(after.agrees());
    let digests =
        |verdict: &daybook_projections::Verdict| verdict.digests.values().copied().collect::<Vec<_>>();
    assert_eq!(digests(&after), digests(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_bookings_continue_during_a_rebuild() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(9), 60).await;
    let first = clinic
        .commands
        .request(request(900, "srv_wrinkle_botox", "2026-12-08", "09:00", ReadModel::Legacy), desk());
    let id = first.await.unwrap().reservation;
    clinic.wait_for_views().await.unwrap();
    let views = clinic.views().await.unwrap();
    let queries = Queries::new(clinic.database.config(), clinic.pool.clone());
    let rebuild = clinic.rebuild();
    let rebuilding = tokio::spawn(async move {
        for _ in 0..3 {
            rebuild.run(&ReadModel::ALL, &|_| {}).await.unwrap();
        }
    });
    let (mut reads, mut booked, mut patient) = (0u32, 0u32, 1000);
    let mut last = daybook_event_log::Position::START;
    while !rebuilding.is_finished() {
        let generation = views.serving().get(ReadModel::Dynamic).unwrap().generation;
        let answer = queries.reservation(generation, &id).await.unwrap();
        assert_eq!(answer.value.unwrap().id, id.as_str());
        assert!(answer.position >= last, "a promotion must not go back in time");
        last = answer.position;
        reads += 1;
        if reads.is_multiple_of(20) {
            patient += 1;
            // A service that no history removes from the catalog. In the end the day is full.
            let new_reservation = request(patient, "srv_body_care", "2026-12-09", "오전", ReadModel::Legacy);
            booked += u32::from(clinic.commands.request(new_reservation, desk()).await.is_ok());
        }
    }
    rebuilding.await.unwrap();
    clinic.wait_for_views().await.unwrap();
    assert!(reads > 20 && booked > 0, "{reads} reads, {booked} bookings");
    let verdict =
        daybook_projections::verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_rebuild_leaves_the_live_view_unchanged() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(3), 40).await;
    clinic.wait_for_views().await.unwrap();
    // The rebuilt legacy view differs from the live dynamic one, which was tampered with.
    let client = clinic.database.connect().await.unwrap();
    let tampered =
        client.execute("UPDATE dynamic_1.day_digests SET digest = gen_random_uuid()", &[]).await.unwrap();
    assert!(tampered > 0);
    let refused = clinic.rebuild().run(&[ReadModel::Legacy], &|_| {}).await;
    assert!(matches!(refused, Err(ViewError::Differs(_))), "{refused:?}");
    assert_eq!(live(&clinic, ReadModel::Legacy).await.number, 1);
    // The next rebuild removes the leftovers and corrects the other view as well.
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let left = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    assert!(
        left.iter().all(|status| status.generation.number != 2 || status.state.as_str() == "live"),
        "{left:?}"
    );
}
