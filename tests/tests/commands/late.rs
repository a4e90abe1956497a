//! Bookings that came too late, on EventStoreDB's protocol, which cannot compare streams on append.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use daybook_commands::{Commands, Settings};
use daybook_domain::hours::ClinicHoursSet;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::{ReservationCancelled, ReservationRequested};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{ClinicZone, Event, ReservationId};
use daybook_event_log::eventstore::ConnectionString;
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_event_log::{
    EventId, EventLog, EventStoreLog, Expected, Filter, Metadata, Position, RecordedEvent, Revision,
    StreamName, decode, encode,
};
use daybook_log_server::Server;
use daybook_vault::{MasterKey, Vault};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::clinic::{Clinic, MASTER_KEY, TestClock, public, staff, tuesday, wanted};

const BOTOX: &str = "srv_wrinkle_botox";

/// The write side of two processes.
struct Processes {
    commands: [Commands; 2],
    log: Arc<dyn EventLog>,
    _parts: (Clinic, Server),
}

impl Processes {
    async fn start() -> Self {
        let clinic = Clinic::empty().await;
        let server = Server::start(daybook_log_server::Options::default()).await.unwrap();
        let address = ConnectionString::parse(&format!("{}&discoveryInterval=1", server.url())).unwrap();
        let log: Arc<dyn EventLog> = Arc::new(EventStoreLog::connect(address).await.unwrap());
        let pool = create_pool(&clinic.database.config(), PoolSize(4)).unwrap();
        let vault = Vault::new(pool, Arc::new(MasterKey::parse(MASTER_KEY).unwrap()));
        let open = async || {
            let settings = Settings {
                zone: ClinicZone::SEOUL,
                clock: Arc::new(TestClock),
                bounds: daybook_commands::StrangerBounds::NONE,
            };
            Commands::open(log.clone(), vault.clone(), settings).await.unwrap()
        };
        let commands = [open().await, open().await];
        commands[0].seed().await.unwrap();
        Self { commands, log, _parts: (clinic, server) }
    }

    async fn close_tuesdays(&self) {
        let closed = ClinicHoursSet { day_of_week: DayOfWeek::from_date(tuesday()), slots: vec![] };
        self.commands[0].set_hours(closed, staff()).await.unwrap();
    }

    async fn events(&self) -> Vec<RecordedEvent> {
        self.log.read_all(Position::START, &Filter::all()).await.unwrap().try_collect().await.unwrap()
    }

    /// The bookings in the log, with their events.
    async fn bookings(&self) -> Vec<(Position, ReservationRequested, Metadata)> {
        let requested = |recorded: RecordedEvent| {
            let (event, metadata) = decode(&recorded).unwrap();
            let Event::Schedule(ScheduleEvent::ReservationRequested(event)) = event else { return None };
            Some((recorded.position, event, metadata))
        };
        self.events().await.into_iter().filter_map(requested).collect()
    }

    async fn late(&self) -> BTreeSet<ReservationId> {
        self.commands[1].late_bookings().await.unwrap().into_iter().map(|late| late.id).collect()
    }

    async fn append(&self, event: ScheduleEvent, metadata: &Metadata) {
        let stream = StreamName::page(tuesday());
        let day: Vec<_> =
            self.log.read_stream(&stream, Revision::FIRST).await.unwrap().try_collect().await.unwrap();
        let expected = Expected::after(day.last().map(|last: &RecordedEvent| last.revision));
        let new = encode(EventId(Uuid::now_v7()), &Event::Schedule(event), metadata);
        self.log.append(&stream, expected, vec![new]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_bookings_after_an_unknown_change_are_listed_while_one_process_sells_and_the_other_closes()
 {
    let processes = Processes::start().await;
    let asked = (0..20).map(|week| {
        let commands = processes.commands[1].clone();
        let wanted = wanted(week, BOTOX, tuesday() + chrono::Days::new(7 * u64::from(week)), "10:00");
        tokio::spawn(async move { commands.request(wanted, public()).await })
    });
    let asked: Vec<_> = asked.collect();
    processes.close_tuesdays().await;
    join_all(asked).await;
    let closed =
        processes.events().await.iter().rfind(|event| event.stream == StreamName::hours()).unwrap().position;
    let after = processes.bookings().await.into_iter().filter(|(position, ..)| *position > closed);
    let expected: BTreeSet<ReservationId> = after.map(|(_, event, _)| event.reservation).collect();
    assert_eq!(processes.late().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_booking_is_listed_until_it_is_cancelled() {
    let processes = Processes::start().await;
    processes.commands[0].request(wanted(1, BOTOX, tuesday(), "10:00"), public()).await.unwrap();
    let [(_, early, metadata)] = <[_; 1]>::try_from(processes.bookings().await).unwrap();
    processes.close_tuesdays().await;
    assert_eq!(processes.late().await, BTreeSet::new(), "it was decided before the change");
    // The seat is free again.
    let freed = ReservationCancelled { reservation: early.reservation.clone(), reason: None };
    processes.append(ScheduleEvent::ReservationCancelled(freed), &metadata).await;
    // As a process decides that does not know the change yet.
    let late = ReservationId::parse("late").unwrap();
    let requested = ReservationRequested { reservation: late.clone(), ..early };
    processes.append(ScheduleEvent::ReservationRequested(requested), &metadata).await;
    assert_eq!(processes.late().await, BTreeSet::from([late.clone()]));
    let cancelled = ReservationCancelled { reservation: late, reason: None };
    processes.append(ScheduleEvent::ReservationCancelled(cancelled), &metadata).await;
    assert_eq!(processes.late().await, BTreeSet::new());
}
