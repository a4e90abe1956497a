//! Rebuilding with less memory than the views take: the log is read in several passes, and what comes out is the same.

use std::collections::BTreeSet;
use std::sync::Mutex;

use daybook_domain::ReadModel;
use daybook_event_log::{Category, Filter, Position, RecordedEvent};
use daybook_projections::Progress;
use daybook_tests::clinic::Clinic;
use futures_util::TryStreamExt;

use crate::history::{Dice, contents, live, live_through};

/// Less than one day of a history takes, so that every page has a pass of its own.
const NEXT_TO_NOTHING: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_reads_the_log_once_for_every_page_comes_to_the_same_bytes() {
    for seed in 31..34 {
        let clinic = Clinic::open().await.unwrap();
        live_through(&clinic, &mut Dice::new(seed), 150).await;
        clinic.settled().await.unwrap();
        let mut before = Vec::new();
        for model in ReadModel::ALL {
            before.push(contents(&clinic, live(&clinic, model).await).await);
        }
        let passes = Mutex::new(BTreeSet::new());
        let listener = |progress: Progress| {
            passes.lock().unwrap().insert(progress.pass.0);
            assert!((0.0..=1.0).contains(&progress.read_fraction), "{progress:?}");
        };
        let rebuild = clinic.rebuild().within(NEXT_TO_NOTHING);
        let report = rebuild.run(&ReadModel::ALL, &listener).await.unwrap();
        let pages = pages(&clinic).await;
        assert!(pages > 2, "{pages}");
        assert_eq!(*passes.lock().unwrap(), (1..=pages).collect(), "a page is never divided");
        assert_eq!(report.events, clinic.log.head().await.unwrap().commit(), "each event counts once");
        for (model, before) in ReadModel::ALL.into_iter().zip(before) {
            let rebuilt = live(&clinic, model).await;
            assert_eq!(rebuilt.number, 2);
            assert_eq!(contents(&clinic, rebuilt).await, before, "seed {seed}, {model}");
        }
    }
}

/// How many pages there are on which anything happened.
async fn pages(clinic: &Clinic) -> usize {
    let filter = Filter::categories([Category::Daybook]);
    let events: Vec<RecordedEvent> =
        clinic.log.read_all(Position::START, &filter).await.unwrap().try_collect().await.unwrap();
    events.into_iter().map(|event| event.stream).collect::<BTreeSet<_>>().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_with_little_memory_finds_what_one_with_much_does() {
    let clinic = Clinic::open().await.unwrap();
    live_through(&clinic, &mut Dice::new(35), 100).await;
    let much = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let little = clinic.rebuild().within(NEXT_TO_NOTHING).dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let found = |trial: &daybook_projections::DryRun| {
        let views = trial.views.iter().map(|view| (view.view, view.reservations, view.closures, view.digest));
        (trial.events, trial.position, views.collect::<Vec<_>>())
    };
    assert!(much.views.iter().all(|view| view.reservations > 10), "{much:?}");
    assert_eq!(found(&little), found(&much));
}
