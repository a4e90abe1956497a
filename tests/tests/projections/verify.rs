//! Comparing generations: what is wrong is found, named and followed to its event; what cannot be equal is counted.

mod generations;
mod planted;
mod proof;

use daybook_event_log::{Position, RecordedEvent, Revision, StreamName};
use daybook_projections::{
    Comparison, Difference, Generation, GenerationValue, Mode, Verdict, WrittenBy, compare, verify,
};
use daybook_tests::clinic::Clinic;
use futures_util::TryStreamExt;

use crate::history::{Dice, live_through};

/// A full comparison of the views that serve.
async fn full(clinic: &Clinic) -> Verdict {
    verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap()
}

/// A quick one.
async fn quick(clinic: &Clinic) -> Verdict {
    let comparison = Comparison { mode: Mode::Quick, generations: None };
    compare(clinic.log.as_ref(), &clinic.vault, &clinic.pool, comparison).await.unwrap()
}

fn generation(name: &str) -> Generation {
    name.parse().unwrap()
}

/// What there is to a field on both sides of a difference.
fn sides<'a>(difference: &'a Difference, field: &str) -> &'a [GenerationValue; 2] {
    let found = difference.fields.iter().find(|differing| differing.field == field);
    &found.unwrap_or_else(|| panic!("{field} does not differ: {difference:?}")).sides
}

/// The events of a page that are about a reservation.
async fn events_of(clinic: &Clinic, page: &StreamName, reservation: &str) -> Vec<RecordedEvent> {
    let events = clinic.log.read_stream(page, Revision::FIRST).await.unwrap();
    let mut events: Vec<RecordedEvent> = events.try_collect().await.unwrap();
    events.retain(|event| String::from_utf8_lossy(&event.payload).contains(reservation));
    events
}

#[track_caller]
fn assert_is(written: Option<&WrittenBy>, event: &RecordedEvent) {
    let written = written.expect("an event");
    let found: (Position, &StreamName, Revision, &str) =
        (written.position, &written.stream, written.revision, &written.kind);
    assert_eq!(found, (event.position, &event.stream, event.revision, &*event.kind));
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_leave_the_views_in_agreement_both_in_full_and_quickly() {
    for seed in 20..23 {
        let clinic = Clinic::open().await.unwrap();
        live_through(&clinic, &mut Dice::new(seed), 150).await;
        clinic.settled().await.unwrap();
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
