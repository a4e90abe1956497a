//! A clinic on a database of its own, and processes that serve it. What each test starts from; it asserts nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::{
    BookingOutcome, Clock, CommandError, Commands, NewReservation, Origin, Settings, WishInput,
};
use daybook_domain::phone::Phone;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{
    Actor, ClinicZone, Event, Gender, ReadModel, ReservationId, Sealed, ServiceId, TreatmentType,
};
use daybook_event_log::postgres::{Options, migrate};
use daybook_event_log::{EventLog, Filter, Position, PostgresLog, Revision, StreamName, decode};
use daybook_tests::postgres::TestDatabase;
use daybook_vault::{MasterKey, Opened, PatientDetails, Vault, sealing_context};
use futures_util::TryStreamExt;
use tokio_postgres::{Config, NoTls};

/// Longest time that a test waits for something to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two looks at what is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The key of all clinics of these tests.
const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// 20 November 2026, ten in the morning in Seoul.
#[derive(Debug)]
pub(crate) struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-20T01:00:00Z".parse().unwrap()
    }
}

/// A clinic's database.
pub(crate) struct Clinic {
    pub(crate) database: TestDatabase,
}

/// One process that serves a clinic: its own connections, its own keys and pages in memory.
pub(crate) struct Process {
    pub(crate) commands: Commands,
    pub(crate) log: Arc<PostgresLog>,
    pub(crate) vault: Vault,
}

async fn migrate_database(config: Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    migrate(&mut client).await?;
    drop(client);
    Ok(driver.await??)
}

impl Clinic {
    /// A clinic that nobody has set up yet.
    pub(crate) async fn empty() -> Self {
        Self { database: TestDatabase::migrated(migrate_database).await.unwrap() }
    }

    /// A clinic with its first services and hours, and a process that serves it.
    pub(crate) async fn set_up() -> (Self, Process) {
        let clinic = Self::empty().await;
        let process = clinic.process().await;
        process.commands.seed().await.unwrap();
        (clinic, process)
    }

    /// A process that serves it.
    pub(crate) async fn process(&self) -> Process {
        let log = Arc::new(PostgresLog::connect(self.database.config(), Options::default()).await.unwrap());
        let vault = Vault::new(log.pool().clone(), Arc::new(MasterKey::parse(MASTER_KEY).unwrap()));
        let settings = Settings { zone: ClinicZone::SEOUL, clock: Arc::new(TestClock) };
        let commands = Commands::open(log.clone(), vault.clone(), settings).await.unwrap();
        Process { commands, log, vault }
    }
}

impl Process {
    /// Events of a page, in order.
    pub(crate) async fn page_events(&self, date: NaiveDate) -> Vec<ScheduleEvent> {
        let read = self.log.read_stream(&StreamName::page(date), Revision::FIRST).await.unwrap();
        let recorded: Vec<_> = read.try_collect().await.unwrap();
        recorded.iter().filter_map(|recorded| book_event(decode(recorded).unwrap().0)).collect()
    }

    /// All events there are, in order.
    pub(crate) async fn all_events(&self) -> Vec<Event> {
        let read = self.log.read_all(Position::START, &Filter::all()).await.unwrap();
        let recorded: Vec<_> = read.try_collect().await.unwrap();
        recorded.iter().map(|recorded| decode(recorded).unwrap().0).collect()
    }

    /// What a sealed text reads as now; none where it was erased.
    pub(crate) async fn opened(&self, sealed: &Sealed, reservation: &ReservationId) -> Option<String> {
        match self.vault.open(sealed, sealing_context(reservation)).await.unwrap() {
            Opened::Text(text) => Some(text),
            Opened::Erased => None,
        }
    }

    /// Books.
    pub(crate) async fn book(&self, wanted: NewReservation) -> Result<BookingOutcome, CommandError> {
        self.commands.request(wanted, public()).await
    }
}

fn book_event(event: Event) -> Option<ScheduleEvent> {
    if let Event::Schedule(event) = event { Some(event) } else { None }
}

/// A booking client.
pub(crate) fn public() -> Origin {
    Origin::of(Actor::public())
}

/// A member of staff.
pub(crate) fn staff() -> Origin {
    Origin::of(Actor::named("staff@clinic.example"))
}

/// A Tuesday ahead.
pub(crate) fn tuesday() -> NaiveDate {
    "2026-12-01".parse().unwrap()
}

/// The phone of one of many invented patients.
pub(crate) fn phone(patient: u32) -> Phone {
    Phone::parse(&format!("010-0000-{patient:04}")).unwrap()
}

/// A booking to be, judged by the dynamic rules, of an invented patient.
pub(crate) fn wanted(patient: u32, service: &str, date: NaiveDate, wish: &str) -> NewReservation {
    NewReservation {
        key: None,
        details: PatientDetails {
            patient_name: format!("Nobody Number{patient}").into(),
            phone: format!("010-0000-{patient:04}").into(),
            email: None,
            birth_date: "1990-01-02".parse().unwrap(),
            gender: Gender::Female,
            treatment_type: TreatmentType::FirstVisit,
            notes: Some("nothing much".into()),
            admin_note: None,
            unread_wish: None,
        },
        phone: phone(patient),
        service: ServiceId::parse(service).unwrap(),
        date,
        wish: WishInput::Text(wish.to_owned()),
        judge: ReadModel::Dynamic,
    }
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, looking).await.is_ok(), "waited in vain: {what}");
}
