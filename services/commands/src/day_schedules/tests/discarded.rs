//! Events that no release can decode: until an operator discards them, their streams accept no command.

use std::collections::HashSet;
use std::sync::Mutex;

use daybook_event_log::{EventId, EventType};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::*;
use crate::decoder::Discards;
use crate::error::Source;

#[derive(Debug, Default)]
struct Decisions(Mutex<HashSet<Position>>);

impl Discards for Decisions {
    fn contains(&self, position: Position) -> BoxFuture<'_, Result<bool, Source>> {
        let is_there = self.0.lock().unwrap().contains(&position);
        std::future::ready(Ok(is_there)).boxed()
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
    decisions.0.lock().unwrap().insert(position);
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

    decisions.0.lock().unwrap().insert(position);
    schedules.execute(monday(), request(2, "11:00")).await.unwrap();
    hours.change(&*log, closed(), &origin, Fixed.now()).await.unwrap();
    let refused = schedules.execute(monday(), request(3, "11:30")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::ClinicClosed))), "{refused:?}");
}
