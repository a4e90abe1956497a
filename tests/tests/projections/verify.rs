//! Comparing generations: faults are found, named and traced to their event; differences that cannot be avoided are
//! counted.

mod generations;
mod planted;
mod proof;

use daybook_event_log::{Position, RecordedEvent, Revision, StreamName};
use daybook_projections::{
    Comparison, Difference, Generation, GenerationValue, Mode, Verdict, WrittenBy, compare, verify,
};
use daybook_tests::clinic::Clinic;
use futures_util::TryStreamExt;

use crate::history::{TestRng, run_random_steps};

/// A full comparison of the live views.
async fn full(clinic: &Clinic) -> Verdict {
    verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap()
}

async fn quick(clinic: &Clinic) -> Verdict {
    let comparison = Comparison { mode: Mode::Quick, generations: None };
    compare(clinic.log.as_ref(), &clinic.vault, &clinic.pool, comparison).await.unwrap()
}

fn generation(name: &str) -> Generation {
    name.parse().unwrap()
}

/// The values of a field on both sides of a difference.
fn sides<'a>(difference: &'a Difference, field: &str) -> &'a [GenerationValue; 2] {
    let found = difference.fields.iter().find(|differing| differing.field == field);
    &found.unwrap_or_else(|| panic!("{field} does not differ: {difference:?}")).sides
}

/// The events of a reservation in a day schedule.
async fn events_of(clinic: &Clinic, stream: &StreamName, reservation: &str) -> Vec<RecordedEvent> {
    let events = clinic.log.read_stream(stream, Revision::FIRST).await.unwrap();
    let mut events: Vec<RecordedEvent> = events.try_collect().await.unwrap();
    events.retain(|event| String::from_utf8_lossy(&event.payload).contains(reservation));
    events
}

#[track_caller]
fn assert_written_by(written: Option<&WrittenBy>, event: &RecordedEvent) {
    let written = written.expect("an event");
    let found: (Position, &StreamName, Revision, &str) =
        (written.position, &written.stream, written.revision, &written.kind);
    assert_eq!(found, (event.position, &event.stream, event.revision, &*event.event_type));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_random_histories_the_views_agree_in_full_and_quick_comparisons() {
    for seed in 20..23 {
        let clinic = Clinic::open().await.unwrap();
        run_random_steps(&clinic, &mut TestRng::new(seed), 150).await;
        clinic.wait_for_views().await.unwrap();
        let full = full(&clinic).await;
        assert!(full.agrees(), "seed {seed}: {full:?}");
        let [legacy, dynamic] = full.digests.values().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(legacy, dynamic);
        let declared = full.declared.unwrap();
        let rows = full.reservations["dynamic_1"];
        assert!(
            declared.exact > 0 && declared.period_without_time > 0 && declared.exact < rows,
            "{declared:?}"
        );

        let quick = quick(&clinic).await;
        assert!(quick.agrees() && quick.declared.is_none(), "seed {seed}: {quick:?}");
        assert_eq!((quick.mode, full.mode), (Mode::Quick, Mode::Full));
        assert_eq!((&quick.digests, &quick.reservations), (&full.digests, &full.reservations));
        assert_eq!((quick.position, quick.days_compared), (full.position, full.days_compared));
        assert!(full.days_compared > 1);
    }
}
