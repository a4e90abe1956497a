//! Generations by name: which ones can be compared, and the errors for those that cannot.

use daybook_domain::ReadModel;
use daybook_projections::{
    Comparison, Generation, GenerationState, Mode, PointInTime, Verdict, ViewError, compare,
};
use daybook_tests::clinic::{Clinic, desk, request};

use super::generation;
use crate::history::{TestRng, run_random_steps};

async fn compared(clinic: &Clinic, mode: Mode, names: [&str; 2]) -> Result<Verdict, ViewError> {
    let generations = Some(names.map(generation));
    compare(clinic.log.as_ref(), &clinic.vault, &clinic.pool, Comparison { mode, generations }).await
}

/// A clinic with a kept and a live generation of the legacy view at the same position.
async fn rebuilt() -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(31), 60).await;
    clinic.wait_for_views().await.unwrap();
    clinic.rebuild().run(&[ReadModel::Legacy], &|_| {}).await.unwrap();
    clinic
}

#[tokio::test(flavor = "multi_thread")]
async fn two_generations_of_one_view_are_compared_at_their_common_position() {
    let clinic = rebuilt().await;
    for (mode, names) in [
        (Mode::Full, ["legacy_1", "legacy_2"]),
        (Mode::Quick, ["legacy_2", "legacy_1"]),
        (Mode::Full, ["dynamic_1", "legacy_1"]),
    ] {
        let verdict = compared(&clinic, mode, names).await.unwrap();
        assert!(verdict.agrees() && verdict.days_compared > 0, "{verdict:?}");
        assert_eq!(verdict.generations, names.map(generation));
        assert_eq!(verdict.declared.is_some(), names[0].starts_with("dynamic"));
    }
    let client = clinic.database.connect().await.unwrap();
    let damage = "UPDATE legacy_1.reservations SET minutes = minutes + 5 WHERE id = (SELECT min(id) FROM legacy_2.reservations)";
    client.batch_execute(damage).await.unwrap();
    let verdict = compared(&clinic, Mode::Full, ["legacy_2", "legacy_1"]).await.unwrap();
    assert_eq!(
        (verdict.differing, verdict.differences[0].wrong.as_slice()),
        (1, &[generation("legacy_1")][..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_generation_is_compared_with_a_past_generation_of_the_other() {
    let clinic = rebuilt().await;
    let stays_at = clinic.wait_for_views().await.unwrap();
    let new_reservation = request(900, "srv_body_care", "2026-12-08", "09:00", ReadModel::Legacy);
    clinic.commands.request(new_reservation, desk()).await.unwrap();
    assert!(clinic.wait_for_views().await.unwrap() > stays_at);
    for names in [["legacy_1", "legacy_2"], ["dynamic_1", "legacy_1"]] {
        let apart = compared(&clinic, Mode::Quick, names).await.unwrap_err();
        assert!(
            matches!(&apart, ViewError::Apart { behind, .. } if *behind == generation("legacy_1")),
            "{apart:?}"
        );
        let view = names.into_iter().find(|name| *name != "legacy_1").unwrap();
        let view = generation(view).model;
        let advice = format!("`daybook projection rebuild {view} --until {stays_at} --name NAME`");
        assert!(apart.to_string().contains(&advice), "{apart}");
    }
    let history = clinic
        .rebuild()
        .past(&[ReadModel::Dynamic], PointInTime::Position(stays_at), &"then".parse().unwrap(), &|_| {})
        .await
        .unwrap();
    let then: Generation = history.generations[0];
    let verdict = compared(&clinic, Mode::Full, ["legacy_1", &then.to_string()]).await.unwrap();
    assert!(verdict.agrees() && verdict.position == stays_at, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impossible_comparison_is_refused_with_a_remedy() {
    let clinic = rebuilt().await;
    let none = compared(&clinic, Mode::Full, ["legacy_1", "legacy_9"]).await.unwrap_err();
    assert!(none.to_string().starts_with("legacy_9 does not exist; run `daybook projection list`"), "{none}");
    let client = clinic.database.connect().await.unwrap();
    let set = "UPDATE control.generations SET rules_version = 99 WHERE model = 'legacy' AND number = 1";
    client.batch_execute(set).await.unwrap();
    let other = compared(&clinic, Mode::Full, ["legacy_1", "legacy_2"]).await.unwrap_err();
    assert!(matches!(other, ViewError::OtherRules { version: 99, .. }), "{other:?}");
    assert!(other.to_string().contains("`daybook projection rebuild legacy`"), "{other}");
    let set = "UPDATE control.generations SET state = 'failed' WHERE model = 'legacy' AND number = 1";
    client.batch_execute(set).await.unwrap();
    let failed = compared(&clinic, Mode::Full, ["legacy_1", "legacy_2"]).await.unwrap_err();
    assert!(
        matches!(failed, ViewError::NotComparable { state: Some(GenerationState::Failed), .. }),
        "{failed:?}"
    );
}
