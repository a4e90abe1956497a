//! Discarded events decide nothing. Events that no release can decode stop their streams until then.

use std::sync::Mutex;

use daybook_domain::catalog::ServiceDraft;
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_event_log::{EventId, EventType, encode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::*;
use crate::decoder::Discards;
use crate::error::Source;

#[derive(Debug, Default)]
struct Decisions(Mutex<Vec<(StreamName, Position)>>);

impl Decisions {
    fn discard(&self, stream: StreamName, position: Position) {
        self.0.lock().unwrap().push((stream, position));
    }
}

impl Discards for Decisions {
    fn list(&self) -> BoxFuture<'_, Result<Vec<(StreamName, Position)>, Source>> {
        std::future::ready(Ok(self.0.lock().unwrap().clone())).boxed()
    }
}

/// Appends an event of a type that nobody knows to the end of a stream.
async fn plant(log: &MemoryLog, stream: &StreamName) -> Position {
    let read = log.read_stream(stream, Revision::FIRST).await.unwrap();
    let there: Vec<_> = read.try_collect().await.unwrap();
    let last = there.last().unwrap();
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        event_type: EventType::named("ReservationTeleported"),
        payload: "{}".into(),
        metadata: last.metadata.clone(),
    };
    log.append(stream, Expected::Exact(last.revision), vec![event]).await.unwrap().position
}

#[tokio::test]
async fn a_day_with_an_unknown_event_is_booked_again_once_it_is_discarded() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let decoder = EventDecoder::new(decisions.clone());
    let schedules = process_without(log.clone(), decoder.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let position = plant(&log, &StreamName::page(monday())).await;
    let restarted = process_without(log.clone(), decoder).await;
    for schedules in [&schedules, &restarted] {
        let refused = schedules.execute(monday(), request(2, "11:00")).await;
        assert!(matches!(refused, Err(CommandError::Codec { .. })), "{refused:?}");
        let tuesday = monday() + chrono::Days::new(1);
        schedules.read(tuesday, DaySchedule::len).await.expect("other days are not concerned");
    }
    decisions.discard(StreamName::page(monday()), position);
    restarted.execute(monday(), request(2, "11:00")).await.unwrap();
    schedules.execute(monday(), request(3, "11:30")).await.unwrap();
    assert_eq!(restarted.read(monday(), DaySchedule::len).await.unwrap(), 3);
}

#[tokio::test]
async fn hours_with_an_unknown_event_change_again_once_it_is_discarded() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let decoder = EventDecoder::new(decisions.clone());
    let schedules = process_without(log.clone(), decoder.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let position = plant(&log, &StreamName::hours()).await;
    let refused = schedules.execute(monday(), request(2, "11:00")).await;
    assert!(
        matches!(refused, Err(CommandError::Codec { .. })),
        "the change may concern the booking: {refused:?}"
    );
    let hours = CachedAggregate::<Hours>::with(decoder);
    let closed = || vec![ClinicHoursSet { day_of_week: DayOfWeek::from_date(monday()), slots: vec![] }];
    let origin = Origin::from_actor(Actor::system());
    let refused = hours.change(&*log, closed(), &origin, Fixed.now()).await;
    assert!(matches!(refused, Err(CommandError::Codec { .. })), "{refused:?}");

    decisions.discard(StreamName::hours(), position);
    schedules.execute(monday(), request(2, "11:00")).await.unwrap();
    hours.change(&*log, closed(), &origin, Fixed.now()).await.unwrap();
    let refused = schedules.execute(monday(), request(3, "11:30")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::ClinicClosed))), "{refused:?}");
}

/// The position of the last event of a stream.
async fn last_position(log: &MemoryLog, stream: &StreamName) -> Position {
    let read = log.read_stream(stream, Revision::FIRST).await.unwrap();
    read.try_collect::<Vec<_>>().await.unwrap().last().unwrap().position
}

#[tokio::test]
async fn a_booking_that_is_discarded_while_a_process_runs_gives_its_seat_back() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let decoder = EventDecoder::new(decisions.clone());
    let schedules = process_without(log.clone(), decoder.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let day = StreamName::page(monday());
    let position = last_position(&log, &day).await;
    schedules.execute(monday(), request(2, "11:00")).await.unwrap();
    let refused = schedules.execute(monday(), request(3, "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(_))), "the seat is taken: {refused:?}");

    decisions.discard(day, position);
    decoder.refresh().await.unwrap();
    let there = |schedule: &DaySchedule| [1, 2, 3].map(|number| schedule.booking(&id(number)).is_some());
    assert_eq!(schedules.read(monday(), there).await.unwrap(), [false, true, false]);
    schedules.execute(monday(), request(3, "10:00")).await.unwrap();
    let restarted = process_without(log, EventDecoder::default()).await;
    assert_eq!(restarted.read(monday(), there).await.unwrap(), [true; 3], "the log keeps it");
    assert_eq!(schedules.read(monday(), there).await.unwrap(), [false, true, true]);
}

#[tokio::test]
async fn a_worker_decides_without_an_event_that_was_discarded_since_it_was_loaded() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let decoder = EventDecoder::new(decisions.clone());
    let schedules = process_without(log.clone(), decoder.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let day = StreamName::page(monday());
    decisions.discard(day.clone(), last_position(&log, &day).await);
    decoder.refresh().await.unwrap();
    schedules.execute(monday(), request(2, "10:00")).await.unwrap();
    let refused = schedules.execute(monday(), cancel(1)).await;
    let missing = Err::<(), _>(Rejection::ReservationNotFound(id(1)));
    assert_eq!(rejection(refused.map(drop)), rejection(missing.map_err(CommandError::Rejected)));
}

fn rejection(refused: Result<(), CommandError>) -> String {
    let Err(CommandError::Rejected(rejection)) = refused else { panic!("{refused:?}") };
    rejection.to_string()
}

#[tokio::test]
async fn a_discarded_service_is_defined_again_and_discarded_hours_no_longer_hold() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let decoder = EventDecoder::new(decisions.clone());
    let catalog = CachedAggregate::<Catalog>::with(decoder.clone());
    let hours = CachedAggregate::<Hours>::with(decoder.clone());
    let origin = Origin::from_actor(Actor::system());
    let Some(CatalogCommand::DefineService(first)) = first_services().into_iter().next() else {
        panic!("not a definition")
    };
    let define =
        |price| CatalogCommand::DefineService(ServiceDraft { base_price: Some(price), ..first.clone() });
    catalog.change(&*log, vec![define(30_000)], &origin, Fixed.now()).await.unwrap();
    let refused = catalog.change(&*log, vec![define(40_000)], &origin, Fixed.now()).await;
    assert!(matches!(refused, Err(CommandError::Catalog(_))), "another price is no repetition: {refused:?}");
    hours.change(&*log, first_hours(), &origin, Fixed.now()).await.unwrap();
    let (before, closed) =
        (hours.state(), ClinicHoursSet { day_of_week: DayOfWeek::from_date(monday()), slots: vec![] });
    hours.change(&*log, vec![closed], &origin, Fixed.now()).await.unwrap();
    assert_ne!(hours.state(), before);

    for stream in [StreamName::catalog(), StreamName::hours()] {
        decisions.discard(stream.clone(), last_position(&log, &stream).await);
    }
    catalog.change(&*log, vec![define(40_000)], &origin, Fixed.now()).await.expect("at once");
    assert_eq!(
        catalog.state().in_order().iter().map(|service| service.base_price).collect::<Vec<_>>(),
        [Some(40_000)]
    );
    hours.leave_out_discarded(&*log).await.unwrap();
    assert_eq!(hours.state(), before);
}

#[tokio::test]
async fn an_erasure_counts_although_it_is_discarded() {
    let (log, decisions) = (Arc::new(MemoryLog::new()), Arc::new(Decisions::default()));
    let subject = SubjectId::from_bytes([1; 16]);
    let forgotten =
        Event::Privacy(PrivacyEvent::SubjectForgotten(SubjectForgotten { subject, keys: vec![] }));
    let event = encode(
        EventId(Uuid::now_v7()),
        &forgotten,
        &Origin::from_actor(Actor::system()).metadata(Fixed.now()),
    );
    log.append(&StreamName::privacy(), Expected::NoStream, vec![event]).await.unwrap();
    decisions.discard(StreamName::privacy(), last_position(&log, &StreamName::privacy()).await);
    let decoder = EventDecoder::new(decisions);
    decoder.refresh().await.unwrap();
    let mut read = log.read_stream(&StreamName::privacy(), Revision::FIRST).await.unwrap();
    let decoded = decoder.decode(&read.try_next().await.unwrap().unwrap()).await.unwrap();
    assert_eq!(decoded.map(|(event, _)| event), Some(forgotten));
}
