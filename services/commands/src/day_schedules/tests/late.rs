//! Two processes sell while a third one changes hours and services, on a log that cannot compare streams on append.

use super::*;
use crate::late_bookings::{LateBooking, find};

fn origin() -> Origin {
    Origin::from_actor(Actor::system())
}

async fn set_hours(log: &dyn EventLog, slots: Option<()>) {
    let day_of_week = DayOfWeek::from_date(monday());
    let usual = first_hours().into_iter().find(|hours| hours.day_of_week == day_of_week).unwrap();
    let hours = slots.map_or(ClinicHoursSet { day_of_week, slots: vec![] }, |()| usual);
    CachedAggregate::<Hours>::new().change(log, vec![hours], &origin(), Fixed.now()).await.unwrap();
}

async fn change_catalog(log: &dyn EventLog, command: CatalogCommand) {
    CachedAggregate::<Catalog>::new().change(log, vec![command], &origin(), Fixed.now()).await.unwrap();
}

async fn late(log: &dyn EventLog) -> Vec<LateBooking> {
    find(log, &EventDecoder::default(), ClinicNow { instant: Fixed.now(), zone: ClinicZone::SEOUL })
        .await
        .unwrap()
}

/// The ids of the late bookings, with the stream of the change.
async fn listed(log: &dyn EventLog) -> Vec<(ReservationId, String)> {
    let late = late(log).await.into_iter();
    late.map(|late| (late.id, late.change.stream.as_str().to_owned())).collect()
}

async fn log() -> Arc<LosingAnswers> {
    Arc::new(LosingAnswers { log: MemoryLog::new(), to_lose: AtomicU32::new(0) })
}

#[tokio::test]
async fn bookings_that_two_processes_sold_after_the_hours_closed_are_listed_until_they_are_settled() {
    let log = log().await;
    // Nothing follows the log here, so neither learns of the change.
    let (one, other) = (process(log.clone()).await, process(log.clone()).await);
    one.execute(monday(), request(1, "09:00")).await.unwrap();
    set_hours(&*log, None).await;
    one.execute(monday(), request(2, "10:00")).await.unwrap();
    other.execute(monday(), request(3, "11:00")).await.unwrap();

    let found = late(&*log).await;
    assert_eq!(found.iter().map(|late| late.id.clone()).collect::<Vec<_>>(), [id(2), id(3)]);
    let first = &found[0];
    assert_eq!((first.date, first.start), (monday(), "10:00".parse().ok()));
    assert_eq!((first.change.stream.clone(), &*first.change.kind), (StreamName::hours(), "ClinicHoursSet"));
    assert!(first.change.position < first.position, "{first:?}");

    // A confirmation says nothing about the time; a cancelled booking is settled.
    one.execute(monday(), batch(2, vec![change(2, ReservationChange::Confirm)])).await.unwrap();
    other.execute(monday(), cancel(3)).await.unwrap();
    assert_eq!(listed(&*log).await, [(id(2), "hours-main".to_owned())]);
    // The change is taken back.
    set_hours(&*log, Some(())).await;
    assert_eq!(late(&*log).await, []);
}

#[tokio::test]
async fn a_late_booking_that_was_moved_is_settled() {
    let log = log().await;
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "09:00")).await.unwrap();
    let mut half =
        first_hours().into_iter().find(|hours| hours.day_of_week == DayOfWeek::from_date(monday()));
    half.as_mut().unwrap().slots.retain(|slot| slot.period == daybook_domain::Period::Morning);
    CachedAggregate::<Hours>::new()
        .change(&*log, half.into_iter().collect(), &origin(), Fixed.now())
        .await
        .unwrap();
    schedules.execute(monday(), request(2, "14:00")).await.unwrap();
    // A booking in the morning missed the change too, but still fits.
    schedules.execute(monday(), request(3, "10:00")).await.unwrap();
    assert_eq!(listed(&*log).await, [(id(2), "hours-main".to_owned())]);
    let knowing = process(log.clone()).await;
    let start = "11:00".parse().unwrap();
    let moved = change(2, ReservationChange::Reschedule { start, rules: RuleSet::Dynamic });
    knowing.execute(monday(), batch(2, vec![moved])).await.unwrap();
    assert_eq!(late(&*log).await, []);
}

#[tokio::test]
async fn a_booking_of_a_service_that_was_switched_off_is_listed_until_it_is_on_again() {
    let log = log().await;
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "09:00")).await.unwrap();
    let service = ServiceId::parse("srv_other_consultation").unwrap();
    change_catalog(&*log, CatalogCommand::DeactivateService(service.clone())).await;
    schedules.execute(monday(), request(2, "10:00")).await.unwrap();
    assert_eq!(listed(&*log).await, [(id(2), "catalog-main".to_owned())]);
    change_catalog(&*log, CatalogCommand::ActivateService(service)).await;
    assert_eq!(late(&*log).await, []);
}

#[tokio::test]
async fn a_log_that_compares_streams_records_no_revisions() {
    let metadata = async |log: Arc<dyn EventLog>| {
        let schedules = process(log.clone()).await;
        schedules.execute(monday(), request(1, "09:00")).await.unwrap();
        let read = log.read_stream(&StreamName::page(monday()), Revision::FIRST).await.unwrap();
        let recorded: Vec<_> = read.try_collect().await.unwrap();
        decode(&recorded[0]).unwrap().1
    };
    assert_eq!(metadata(Arc::new(MemoryLog::new())).await.decided_against, None);
    let known = metadata(log().await).await.decided_against.unwrap();
    assert!(known.catalog.is_some() && known.hours.is_some(), "{known:?}");
}
