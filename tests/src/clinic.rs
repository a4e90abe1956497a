//! A clinic on its own database: the log, the write side and, if needed, live views with an engine.
//!
//! It consists of the product's own components; nothing here replaces one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::{Clock, Commands, NewReservation, Origin, RequestedTime, Sender, Settings};
use daybook_domain::phone::Phone;
use daybook_domain::{Actor, ClinicZone, Gender, ReadModel, ServiceId, TreatmentType};
use daybook_event_log::postgres::{Options, PoolSize, PostgresLog, create_pool, migrate};
use daybook_event_log::{EventLog, Position};
use daybook_migration::{GateSettings, Migration, Retirement, SoakTimes, Workflows};
use daybook_projections::{Auditor, Engine, KEEP, Process, Rebuild, Views, generation};
use daybook_vault::{MasterKey, PatientDetails, Vault};
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio_postgres::{Config, NoTls};

use crate::postgres::TestDatabase;

/// The time limit for every wait in a test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The master key of all tests.
pub const MASTER_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// A clock with a fixed time.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub DateTime<Utc>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// A clinic with the initial services and hours.
#[derive(Debug)]
pub struct Clinic {
    pub database: TestDatabase,
    pub log: Arc<dyn EventLog>,
    /// Connections to its views.
    pub pool: Pool,
    pub vault: Vault,
    /// Its write side.
    pub commands: Commands,
    stop: watch::Sender<bool>,
}

/// Migrates a database to the current schema.
///
/// # Errors
/// If the connection or a migration fails.
pub async fn migrated(config: Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    migrate(&mut client).await?;
    drop(client);
    Ok(driver.await??)
}

impl Clinic {
    /// Opens a clinic whose views an engine keeps up to date.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn open() -> anyhow::Result<Self> {
        let clinic = Self::without_views().await?;
        clinic.start_engine();
        clinic.rebuild().missing().await?.context("a new clinic already had views")?;
        Ok(clinic)
    }

    /// Opens a clinic without views.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn without_views() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated(migrated).await?;
        let pool = create_pool(&database.config(), PoolSize(8))?;
        let vault = Vault::new(pool.clone(), Arc::new(MasterKey::parse(MASTER_KEY)?));
        let log: Arc<dyn EventLog> =
            Arc::new(PostgresLog::connect(database.config(), Options { pool_size: PoolSize(4) }).await?);
        // A morning in November 2026, so that days in December are always in the future.
        let clock = Arc::new(FixedClock("2026-11-20T01:00:00Z".parse()?));
        let settings =
            Settings { zone: ClinicZone::SEOUL, clock, bounds: daybook_commands::StrangerBounds::NONE };
        let commands = Commands::open(log.clone(), vault.clone(), settings).await?;
        commands.seed().await?;
        Ok(Self { database, log, pool, vault, commands, stop: watch::channel(false).0 })
    }

    /// The write side of another process, with this time on its clock.
    ///
    /// # Errors
    /// If it cannot be opened, or the time is invalid.
    pub async fn commands_at(&self, time: &str) -> anyhow::Result<Commands> {
        let settings = Settings {
            zone: ClinicZone::SEOUL,
            clock: Arc::new(FixedClock(time.parse()?)),
            bounds: daybook_commands::StrangerBounds::NONE,
        };
        Ok(Commands::open(self.log.clone(), self.vault.clone(), settings).await?)
    }

    /// Starts an engine, which stops with the clinic.
    pub fn start_engine(&self) {
        tokio::spawn(self.engine("clinic").run(self.stop.subscribe()));
    }

    /// Stops the engines that were started here.
    pub fn stop_engine(&self) {
        self.stop.send_replace(true);
    }

    /// An engine under this host name, not yet started.
    #[must_use]
    pub fn engine(&self, host: &str) -> Engine {
        let process = Process { host: host.to_owned(), pid: std::process::id() };
        Engine::new(self.log.clone(), self.vault.clone(), self.pool.clone(), process)
    }

    /// The workflows of its migration.
    #[must_use]
    pub fn workflows(&self) -> Workflows {
        let retirement = Retirement::new(self.log.clone(), self.vault.clone(), self.pool.clone());
        Workflows::new(self.commands.clone(), self.migration(), retirement)
    }

    /// What looks at its migration, with soak times that have passed as soon as they begin.
    #[must_use]
    pub fn migration(&self) -> Migration {
        let settings = GateSettings { soak: SoakTimes::NONE, ..GateSettings::default() };
        Migration::new(self.log.clone(), self.vault.clone(), self.pool.clone(), settings)
    }

    /// The rebuilder of its views.
    #[must_use]
    pub fn rebuild(&self) -> Rebuild {
        Rebuild::new(self.log.clone(), self.vault.clone(), self.pool.clone(), KEEP)
    }

    /// The auditor of its views.
    #[must_use]
    pub fn auditor(&self) -> Auditor {
        Auditor::new(self.log.clone(), self.vault.clone(), self.pool.clone())
    }

    /// Its live views.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn views(&self) -> anyhow::Result<Views> {
        Ok(Views::open(self.pool.clone(), self.database.config()).await?)
    }

    /// Waits until both views have applied all events in the log. Returns the position.
    ///
    /// # Errors
    /// If the time limit passes.
    pub async fn wait_for_views(&self) -> anyhow::Result<Position> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let head = self.log.head().await?;
        loop {
            let live = generation::live(&self.pool.get().await?).await?;
            if live.len() == 2 && live.iter().all(|status| status.position >= head) {
                return Ok(head);
            }
            ensure!(
                tokio::time::Instant::now() < deadline,
                "the views are at {live:?}, the log is at {head}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// The origin of a command from the front desk.
#[must_use]
pub fn desk() -> Origin {
    Origin::from_actor(Actor::named("desk@clinic.example"))
}

/// A booking request of an invented patient. Each patient number has its own phone number.
///
/// # Panics
/// If the service or the date is invalid.
#[must_use]
pub fn request(patient: u32, service: &str, date: &str, text: &str, model: ReadModel) -> NewReservation {
    let phone = format!("010-{:04}-{:04}", 1000 + patient / 10_000, patient % 10_000);
    let details = PatientDetails {
        patient_name: format!("홍길{}", char::from_u32(0xAC00 + patient % 11_000).unwrap_or('동')).into(),
        phone: phone.as_str().into(),
        email: patient.is_multiple_of(3).then(|| format!("p{patient}@example.com").into()),
        birth_date: NaiveDate::from_ymd_opt(1950 + (patient % 50) as i32, 1 + patient % 12, 1 + patient % 28)
            .unwrap_or_default(),
        gender: Gender::Female,
        treatment_type: TreatmentType::FirstVisit,
        notes: patient.is_multiple_of(4).then(|| "주차 가능한가요?".into()),
        admin_note: None,
        unread_wish: None,
    };
    #[expect(clippy::expect_used, reason = "an invalid request is a bug in its test")]
    NewReservation {
        sender: Sender::Stranger { network: None },
        key: None,
        details,
        phone: Phone::parse(&phone).expect("a valid phone number"),
        service: ServiceId::parse(service).expect("a valid service id"),
        date: date.parse().expect("a valid date"),
        requested_time: RequestedTime::Text(text.to_owned()),
        stated_period: None,
        unread_text: None,
        rules: model.into(),
    }
}
