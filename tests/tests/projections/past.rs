//! Generations of the past: what a view held at a position or at a moment, under a name.

use daybook_domain::ReadModel;
use daybook_event_log::{Filter, Position, codec};
use daybook_projections::{GenerationName, GenerationState, PointInTime, ViewError, generation};
use daybook_tests::clinic::{Clinic, desk, request};
use futures_util::TryStreamExt;

use crate::history::{Dice, contents, live, live_through};

fn name(text: &str) -> GenerationName {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_at_a_position_is_what_the_view_held_then_byte_for_byte() {
    let clinic = Clinic::open().await.unwrap();
    let mut dice = Dice::new(41);
    live_through(&clinic, &mut dice, 60).await;
    let then = clinic.settled().await.unwrap();
    let mut shown = Vec::new();
    for model in ReadModel::ALL {
        shown.push(contents(&clinic, live(&clinic, model).await).await);
    }
    // Nobody is forgotten from here on: what the past showed of them nobody can read any more.
    for patient in 100..130 {
        let wanted = request(patient, "srv_wrinkle_botox", "2026-12-04", "오전", ReadModel::Legacy);
        let _ = clinic.commands.request(wanted, desk()).await;
    }
    assert!(clinic.settled().await.unwrap() > then);

    let rebuild = clinic.rebuild();
    let built =
        rebuild.past(&ReadModel::ALL, PointInTime::Position(then), &name("then"), &|_| {}).await.unwrap();
    assert_eq!((built.position, built.generations.len()), (then, 2));
    assert_eq!(built.digests[0], built.digests[1]);
    for (generation, shown) in built.generations.iter().zip(shown) {
        assert_eq!(contents(&clinic, *generation).await, shown, "{generation}");
    }
    let standings = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    let past: Vec<_> = standings.iter().filter(|one| one.state == GenerationState::Past).collect();
    assert!(past.len() == 2 && past.iter().all(|one| one.name.as_deref() == Some("then")), "{standings:?}");
    assert!(past.iter().all(|one| one.position == then && one.phase.is_some()), "{standings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_at_a_moment_ends_before_the_first_event_that_was_recorded_later() {
    let clinic = Clinic::open().await.unwrap();
    live_through(&clinic, &mut Dice::new(42), 30).await;
    let events: Vec<_> =
        clinic.log.read_all(Position::START, &Filter::all()).await.unwrap().try_collect().await.unwrap();
    let recorded_at = |place: usize| codec::decode_metadata(&events[place].metadata).unwrap().1.recorded_at;
    let last = events.len() - 1;
    let rebuild = clinic.rebuild();
    let (before, end) = (recorded_at(0) - chrono::TimeDelta::microseconds(1), recorded_at(last));
    for (moment, text, position) in [(before, "before", Position::START), (end, "end", events[last].position)]
    {
        let until = PointInTime::Instant(moment);
        let built = rebuild.past(&[ReadModel::Dynamic], until, &name(text), &|_| {}).await.unwrap();
        assert_eq!(built.position, position, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_never_serves_and_is_dropped_by_whoever_had_it_built() {
    let clinic = Clinic::open().await.unwrap();
    live_through(&clinic, &mut Dice::new(43), 30).await;
    let until = PointInTime::Position(clinic.settled().await.unwrap());
    let rebuild = clinic.rebuild();
    let built = rebuild.past(&[ReadModel::Legacy], until, &name("mine"), &|_| {}).await.unwrap();
    let [past] = built.generations[..] else { panic!("{built:?}") };

    let again = rebuild.past(&[ReadModel::Legacy], until, &name("mine"), &|_| {}).await;
    assert!(matches!(again, Err(ViewError::NameTaken { generation, .. }) if generation == past), "{again:?}");
    let promoted = rebuild.promote_again(past, &|_| {}).await;
    assert!(
        matches!(promoted, Err(ViewError::NotKept { state: Some(GenerationState::Past), .. })),
        "{promoted:?}"
    );
    // Nothing moves it on, and no rebuild takes it for old.
    live_through(&clinic, &mut Dice::new(44), 20).await;
    clinic.settled().await.unwrap();
    rebuild.run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let standing =
        |all: Vec<daybook_projections::GenerationStatus>| all.into_iter().find(|one| one.generation == past);
    let client = clinic.pool.get().await.unwrap();
    assert_eq!(standing(generation::list(&client).await.unwrap()).unwrap().position, built.position);

    let serving = rebuild.drop_generation(live(&clinic, ReadModel::Legacy).await).await;
    assert!(
        matches!(serving, Err(ViewError::NotToBeDropped { state: Some(GenerationState::Live), .. })),
        "{serving:?}"
    );
    rebuild.drop_generation(past).await.unwrap();
    assert!(standing(generation::list(&client).await.unwrap()).is_none());
    assert!(contents(&clinic, past).await.is_empty());
}

#[test]
fn a_name_is_one_that_people_can_type_in_a_shell() {
    for sound in ["a", "before_the_flip", "x2"] {
        assert!(sound.parse::<GenerationName>().is_ok(), "{sound}");
    }
    for wrong in ["", "2x", "Upper", "with space", "한글", &"x".repeat(41)] {
        assert!(wrong.parse::<GenerationName>().is_err(), "{wrong}");
    }
}
