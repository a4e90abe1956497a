//! Past generations: a view at an earlier position or time, under a name.

use daybook_domain::ReadModel;
use daybook_event_log::{Filter, Position, codec};
use daybook_projections::{GenerationName, GenerationState, PointInTime, ViewError, generation};
use daybook_tests::clinic::{Clinic, desk, request};
use futures_util::TryStreamExt;

use crate::history::{TestRng, contents, live, run_random_steps};

fn name(text: &str) -> GenerationName {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_generation_at_a_position_equals_the_view_of_that_time() {
    let clinic = Clinic::open().await.unwrap();
    let mut rng = TestRng::new(41);
    run_random_steps(&clinic, &mut rng, 60).await;
    let then = clinic.wait_for_views().await.unwrap();
    let mut shown = Vec::new();
    for model in ReadModel::ALL {
        shown.push(contents(&clinic, live(&clinic, model).await).await);
    }
    // No patient is forgotten from here on: their past details could no longer be read.
    for patient in 100..130 {
        let new_reservation = request(patient, "srv_wrinkle_botox", "2026-12-04", "오전", ReadModel::Legacy);
        let _ = clinic.commands.request(new_reservation, desk()).await;
    }
    assert!(clinic.wait_for_views().await.unwrap() > then);

    let rebuild = clinic.rebuild();
    let built =
        rebuild.past(&ReadModel::ALL, PointInTime::Position(then), &name("then"), &|_| {}).await.unwrap();
    assert_eq!((built.position, built.generations.len()), (then, 2));
    assert_eq!(built.digests[0], built.digests[1]);
    for (generation, shown) in built.generations.iter().zip(shown) {
        assert_eq!(contents(&clinic, *generation).await, shown, "{generation}");
    }
    let statuses = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    let past_generations: Vec<_> = statuses.iter().filter(|one| one.state == GenerationState::Past).collect();
    assert!(
        past_generations.len() == 2 && past_generations.iter().all(|one| one.name.as_deref() == Some("then")),
        "{statuses:?}"
    );
    assert!(past_generations.iter().all(|one| one.position == then && one.phase.is_some()), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_generation_at_a_time_excludes_later_events() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(42), 30).await;
    let events: Vec<_> =
        clinic.log.read_all(Position::START, &Filter::all()).await.unwrap().try_collect().await.unwrap();
    let recorded_at = |place: usize| codec::decode_metadata(&events[place].metadata).unwrap().1.recorded_at;
    let last = events.len() - 1;
    let rebuild = clinic.rebuild();
    let before = recorded_at(0) - chrono::TimeDelta::microseconds(1);
    // Some events of a history are recorded by a process whose clock is ahead.
    let end = (0..events.len()).map(recorded_at).max().unwrap();
    for (moment, text, position) in [(before, "before", Position::START), (end, "end", events[last].position)]
    {
        let until = PointInTime::Instant(moment);
        let built = rebuild.past(&[ReadModel::Dynamic], until, &name(text), &|_| {}).await.unwrap();
        assert_eq!(built.position, position, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_generation_never_serves_and_is_dropped_by_its_creator() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(43), 30).await;
    let until = PointInTime::Position(clinic.wait_for_views().await.unwrap());
    let rebuild = clinic.rebuild();
    let built = rebuild.past(&[ReadModel::Legacy], until, &name("mine"), &|_| {}).await.unwrap();
    let [past_generations] = built.generations[..] else { panic!("{built:?}") };

    let again = rebuild.past(&[ReadModel::Legacy], until, &name("mine"), &|_| {}).await;
    assert!(
        matches!(again, Err(ViewError::NameTaken { generation, .. }) if generation == past_generations),
        "{again:?}"
    );
    let promoted = rebuild.promote_again(past_generations, &|_| {}).await;
    assert!(
        matches!(promoted, Err(ViewError::NotKept { state: Some(GenerationState::Past), .. })),
        "{promoted:?}"
    );
    // Nothing advances it, and no rebuild drops it as outdated.
    run_random_steps(&clinic, &mut TestRng::new(44), 20).await;
    clinic.wait_for_views().await.unwrap();
    rebuild.run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let status = |all: Vec<daybook_projections::GenerationStatus>| {
        all.into_iter().find(|one| one.generation == past_generations)
    };
    let client = clinic.pool.get().await.unwrap();
    assert_eq!(status(generation::list(&client).await.unwrap()).unwrap().position, built.position);

    let serving = rebuild.drop_generation(live(&clinic, ReadModel::Legacy).await).await;
    assert!(
        matches!(serving, Err(ViewError::NotToBeDropped { state: Some(GenerationState::Live), .. })),
        "{serving:?}"
    );
    rebuild.drop_generation(past_generations).await.unwrap();
    assert!(status(generation::list(&client).await.unwrap()).is_none());
    assert!(contents(&clinic, past_generations).await.is_empty());
}

#[test]
fn a_name_needs_no_quoting_in_a_shell() {
    for sound in ["a", "before_the_flip", "x2"] {
        assert!(sound.parse::<GenerationName>().is_ok(), "{sound}");
    }
    for wrong in ["", "2x", "Upper", "with space", "한글", &"x".repeat(41)] {
        assert!(wrong.parse::<GenerationName>().is_err(), "{wrong}");
    }
}
