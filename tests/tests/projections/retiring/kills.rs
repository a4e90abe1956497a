//! A process is killed between two steps: the next one completes the work, and nothing is lost.

use super::*;

/// The last completed step of a retirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Event,
    Record,
    StoppedServing,
    PlainSchemaDropped,
    TablesDropped,
    EntryDropped,
}

const STEPS: [Step; 6] = [
    Step::Event,
    Step::Record,
    Step::StoppedServing,
    Step::PlainSchemaDropped,
    Step::TablesDropped,
    Step::EntryDropped,
];

/// Performs all steps up to this one and is killed: its lock ends with its connection.
async fn retire_up_to(clinic: &Clinic, last: Step) {
    let retirement = retirement(clinic);
    let steps = retirement.begin().await.unwrap();
    record_event(clinic, &steps).await;
    if last >= Step::Record {
        steps.note_retired().await.unwrap();
    }
    if last >= Step::StoppedServing {
        steps.stop_serving(ReadModel::Legacy).await.unwrap();
    }
    let client = clinic.database.connect().await.unwrap();
    let dropped = [
        (Step::PlainSchemaDropped, "DROP SCHEMA legacy CASCADE"),
        (Step::TablesDropped, "DROP SCHEMA legacy_1 CASCADE"),
        (Step::EntryDropped, "DELETE FROM control.generations WHERE model = 'legacy'"),
    ];
    for (_, sql) in dropped.into_iter().filter(|(step, _)| last >= *step) {
        client.batch_execute(sql).await.unwrap();
    }
    steps.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retirement_killed_after_any_step_is_completed_by_the_next_one() {
    for last in STEPS {
        let mut clinic = Clinic::open().await.unwrap();
        run_random_steps(&clinic, &mut TestRng::new(43), 40).await;
        set_share(&clinic, 100.0).await;
        retire_up_to(&clinic, last).await;
        // Another process starts as `serve` does. It accepts bookings, whatever remains of the view.
        next_day(&mut clinic, 1).await;
        clinic.rebuild().clean_up().await.unwrap();
        assert!(clinic.rebuild().missing().await.unwrap().is_none(), "{last:?}");
        run_random_steps(&clinic, &mut TestRng::new(44), 10).await;

        let record = retire_by(&clinic, &retirement(&clinic)).await;
        assert_is_retired(&clinic).await;
        assert!(record.dropped_at.is_some() && record.only_here.is_empty(), "{last:?}: {record:?}");
        let noted = records(&clinic).await;
        assert_eq!(noted.len(), 1, "{last:?}: {noted:?}");
        let logged = clinic.commands.routing().retired.clone().unwrap();
        assert_eq!((record.digest.to_string(), record.reason.as_str()), (logged.digest.to_string(), REASON));
        let again = retire_by(&clinic, &retirement(&clinic)).await;
        assert_eq!((again.dropped_at, again.retired_at), (record.dropped_at, record.retired_at), "{last:?}");
        restore_by(&clinic, &retirement(&clinic)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restoration_killed_before_or_after_its_event_is_completed_by_the_next_one() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(45), 40).await;
    set_share(&clinic, 100.0).await;
    let retirement = retirement(&clinic);
    retire_by(&clinic, &retirement).await;

    let steps = retirement.begin().await.unwrap();
    let rebuilt = steps.rebuild(None, &|_| {}).await.unwrap();
    steps.end().await;
    assert!(clinic.commands.routing().is_retired(ReadModel::Legacy), "no reads may be routed to it yet");
    let again = restore_by(&clinic, &retirement).await;
    assert_eq!(again.proof, RestorationProof::RecordedDigest);
    assert_eq!(again.restored.digest, rebuilt.restored.digest);
    caught_up(&clinic, 2).await;

    // The event exists and the record lacks it: the next retirement closes the old record.
    retire_by(&clinic, &retirement).await;
    let steps = retirement.begin().await.unwrap();
    let rebuilt = steps.rebuild(None, &|_| {}).await.unwrap();
    let restore = RoutingCommand::RestoreView(rebuilt.restored);
    clinic.commands.change_routing(restore, desk()).await.unwrap();
    steps.end().await;
    retire_by(&clinic, &retirement).await;
    let open = records(&clinic).await.iter().filter(|record| record.restored_at.is_none()).count();
    assert_eq!((records(&clinic).await.len(), open), (3, 1));
    assert_is_retired(&clinic).await;
}
