//! A fixture without assertions: a clinic with its own database, and the processes that serve it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::{
    BookingOutcome, Clock, CommandError, Commands, NewReservation, Origin, RequestedTime, Sender, Settings,
};
use daybook_domain::phone::Phone;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{
    Actor, ClinicZone, Event, Gender, ReservationId, RuleSet, Sealed, ServiceId, TreatmentType,
};
use daybook_event_log::postgres::{Options, migrate};
use daybook_event_log::{EventLog, Filter, Position, PostgresLog, Revision, StreamName, decode};
use daybook_tests::clinic::FixedClock;
use daybook_tests::postgres::TestDatabase;
use daybook_vault::{MasterKey, Opened, PatientDetails, Vault, sealing_context};
use futures_util::TryStreamExt;
use tokio_postgres::{Config, NoTls};

/// Maximum wait for a condition.
const WAIT_DEADLINE: Duration = Duration::from_secs(20);

/// Interval between checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The master key of all clinics in these tests.
pub(crate) const MASTER_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// A clock that always returns 20 November 2026, 10:00 in Seoul.
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

/// A process that serves a clinic, with its own connections, keys and cached schedules.
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
    /// Creates a clinic before its first start.
    pub(crate) async fn empty() -> Self {
        Self { database: TestDatabase::migrated(migrate_database).await.unwrap() }
    }

    /// Creates a clinic with its first services and hours, and a process that serves it.
    pub(crate) async fn set_up() -> (Self, Process) {
        let clinic = Self::empty().await;
        let process = clinic.process().await;
        process.commands.seed().await.unwrap();
        (clinic, process)
    }

    /// Starts a process.
    pub(crate) async fn process(&self) -> Process {
        self.process_with(Arc::new(TestClock)).await
    }

    /// Starts a process with this time on its clock.
    pub(crate) async fn process_at(&self, now: &str) -> Process {
        self.process_with(Arc::new(FixedClock(now.parse().unwrap()))).await
    }

    async fn process_with(&self, clock: Arc<dyn Clock>) -> Process {
        let log = Arc::new(PostgresLog::connect(self.database.config(), Options::default()).await.unwrap());
        let vault = Vault::new(log.pool().clone(), Arc::new(MasterKey::parse(MASTER_KEY).unwrap()));
        let settings =
            Settings { zone: ClinicZone::SEOUL, clock, bounds: daybook_commands::StrangerBounds::NONE };
        let commands = Commands::open(log.clone(), vault.clone(), settings).await.unwrap();
        Process { commands, log, vault }
    }
}

impl Process {
    /// Returns the events of a day schedule, in order.
    pub(crate) async fn schedule_events(&self, date: NaiveDate) -> Vec<ScheduleEvent> {
        let read = self.log.read_stream(&StreamName::page(date), Revision::FIRST).await.unwrap();
        let recorded: Vec<_> = read.try_collect().await.unwrap();
        recorded.iter().filter_map(|recorded| schedule_event(decode(recorded).unwrap().0)).collect()
    }

    /// Returns all events of the log, in order.
    pub(crate) async fn all_events(&self) -> Vec<Event> {
        let read = self.log.read_all(Position::START, &Filter::all()).await.unwrap();
        let recorded: Vec<_> = read.try_collect().await.unwrap();
        recorded.iter().map(|recorded| decode(recorded).unwrap().0).collect()
    }

    /// Opens a sealed text. Returns `None` if the text was erased.
    pub(crate) async fn opened(&self, sealed: &Sealed, reservation: &ReservationId) -> Option<String> {
        match self.vault.open(sealed, sealing_context(reservation)).await.unwrap() {
            Opened::Text(text) => Some(text),
            Opened::Erased => None,
        }
    }

    pub(crate) async fn book(&self, request: NewReservation) -> Result<BookingOutcome, CommandError> {
        self.commands.request(request, public()).await
    }
}

fn schedule_event(event: Event) -> Option<ScheduleEvent> {
    if let Event::Schedule(event) = event { Some(event) } else { None }
}

/// Returns the origin of a booking client.
pub(crate) fn public() -> Origin {
    Origin::from_actor(Actor::public())
}

/// Returns the origin of a member of staff.
pub(crate) fn staff() -> Origin {
    Origin::from_actor(Actor::named("staff@clinic.example"))
}

/// Returns a Tuesday in the future.
pub(crate) fn tuesday() -> NaiveDate {
    "2026-12-01".parse().unwrap()
}

/// Returns the phone number of a fictitious patient.
pub(crate) fn phone(patient: u32) -> Phone {
    Phone::parse(&format!("010-0000-{patient:04}")).unwrap()
}

/// Creates a request of a fictitious patient, under the dynamic rules.
pub(crate) fn wanted(patient: u32, service: &str, date: NaiveDate, text: &str) -> NewReservation {
    NewReservation {
        sender: Sender::Stranger { network: None },
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
        requested_time: RequestedTime::Text(text.to_owned()),
        stated_period: None,
        unread_text: None,
        rules: RuleSet::Dynamic,
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !condition().await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    assert!(tokio::time::timeout(WAIT_DEADLINE, polling).await.is_ok(), "timed out: {what}");
}
