//! Rebuilding with less memory than the views need: the log is read in several passes, with the same result.

use std::collections::BTreeSet;
use std::sync::Mutex;

use daybook_domain::ReadModel;
use daybook_event_log::{Category, Filter, Position, RecordedEvent};
use daybook_projections::Progress;
use daybook_tests::clinic::Clinic;
use futures_util::TryStreamExt;

use crate::history::{TestRng, contents, live, run_random_steps};

/// Less than one day of a history needs, so that every day schedule has its own pass.
const MINIMAL_MEMORY_BYTES: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_with_one_pass_per_day_schedule_produces_identical_bytes() {
    for seed in 31..34 {
        let clinic = Clinic::open().await.unwrap();
        run_random_steps(&clinic, &mut TestRng::new(seed), 150).await;
        clinic.wait_for_views().await.unwrap();
        let mut before = Vec::new();
        for model in ReadModel::ALL {
            before.push(contents(&clinic, live(&clinic, model).await).await);
        }
        let passes = Mutex::new(BTreeSet::new());
        let listener = |progress: Progress| {
            passes.lock().unwrap().insert(progress.pass.0);
            assert!((0.0..=1.0).contains(&progress.read_fraction), "{progress:?}");
        };
        let rebuild = clinic.rebuild().within(MINIMAL_MEMORY_BYTES);
        let report = rebuild.run(&ReadModel::ALL, &listener).await.unwrap();
        let day_schedules = day_schedules(&clinic).await;
        assert!(day_schedules > 2, "{day_schedules}");
        assert_eq!(
            *passes.lock().unwrap(),
            (1..=day_schedules).collect(),
            "a day schedule must not be split between passes"
        );
        assert_eq!(report.events, clinic.log.head().await.unwrap().commit(), "each event must count once");
        for (model, before) in ReadModel::ALL.into_iter().zip(before) {
            let rebuilt = live(&clinic, model).await;
            assert_eq!(rebuilt.number, 2);
            assert_eq!(contents(&clinic, rebuilt).await, before, "seed {seed}, {model}");
        }
    }
}

/// The number of day schedules with events.
async fn day_schedules(clinic: &Clinic) -> usize {
    let filter = Filter::categories([Category::Daybook]);
    let events: Vec<RecordedEvent> =
        clinic.log.read_all(Position::START, &filter).await.unwrap().try_collect().await.unwrap();
    events.into_iter().map(|event| event.stream).collect::<BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_with_little_memory_gives_the_same_result() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(35), 100).await;
    let much = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let little =
        clinic.rebuild().within(MINIMAL_MEMORY_BYTES).dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let found = |trial: &daybook_projections::DryRun| {
        let views = trial.views.iter().map(|view| (view.view, view.reservations, view.closures, view.digest));
        (trial.events, trial.position, views.collect::<Vec<_>>())
    };
    assert!(much.views.iter().all(|view| view.reservations > 10), "{much:?}");
    assert_eq!(found(&little), found(&much));
}
