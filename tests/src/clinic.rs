//! A clinic on a database of its own: the log, the write side and, where wanted, the views kept up by an engine.
//!
//! It is put together of the product's own parts; nothing here stands in for one.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::{Clock, Commands, NewReservation, Origin, Settings, WishInput};
use daybook_domain::phone::Phone;
use daybook_domain::{Actor, ClinicZone, Gender, ReadModel, ServiceId, TreatmentType};
use daybook_event_log::postgres::{Options, PoolSize, PostgresLog, create_pool, migrate};
use daybook_event_log::vault::{MasterKey, PatientDetails, Vault};
use daybook_event_log::{EventLog, Position};
use daybook_migration::{GateSettings, Migration, Retirement, SoakTimes, Workflows};
use daybook_projections::{Auditor, Engine, KEEP, Process, Rebuild, Views, generation};
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio_postgres::{Config, NoTls};

use crate::postgres::TestDatabase;

/// How long a test waits for anything, at most.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The master key of all tests.
pub const MASTER_KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// A clock that a test sets.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub DateTime<Utc>);

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }
}

/// A clinic with its first services and hours.
#[derive(Debug)]
pub struct Clinic {
    /// Its database.
    pub database: TestDatabase,
    /// Its log.
    pub log: Arc<dyn EventLog>,
    /// Connections to its views.
    pub pool: Pool,
    /// Its vault.
    pub vault: Vault,
    /// Its write side.
    pub commands: Commands,
    stop: watch::Sender<bool>,
}

/// Brings a database to the present schema.
///
/// # Errors
/// When that fails.
pub async fn migrated(config: Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    migrate(&mut client).await?;
    drop(client);
    Ok(driver.await??)
}

impl Clinic {
    /// A clinic whose views are kept up by an engine.
    ///
    /// # Errors
    /// When a part cannot be opened.
    pub async fn open() -> anyhow::Result<Self> {
        let clinic = Self::without_views().await?;
        clinic.start_engine();
        clinic.rebuild().missing().await?.context("the views of a new clinic")?;
        Ok(clinic)
    }

    /// A clinic that has no views yet.
    ///
    /// # Errors
    /// When a part cannot be opened.
    pub async fn without_views() -> anyhow::Result<Self> {
        let database = TestDatabase::migrated(migrated).await?;
        let pool = create_pool(&database.config(), PoolSize(8))?;
        let vault = Vault::new(pool.clone(), Arc::new(MasterKey::parse(MASTER_KEY)?));
        let log: Arc<dyn EventLog> =
            Arc::new(PostgresLog::connect(database.config(), Options { pool_size: PoolSize(4) }).await?);
        // A morning in November 2026, so that days in December lie ahead whenever a test runs.
        let clock = Arc::new(FixedClock("2026-11-20T01:00:00Z".parse()?));
        let settings = Settings { zone: ClinicZone::SEOUL, clock };
        let commands = Commands::open(log.clone(), vault.clone(), settings).await?;
        commands.seed().await?;
        Ok(Self { database, log, pool, vault, commands, stop: watch::channel(false).0 })
    }

    /// Starts an engine, which ends with the clinic.
    pub fn start_engine(&self) {
        tokio::spawn(self.engine("clinic").run(self.stop.subscribe()));
    }

    /// Tells the engines that were started here to stop.
    pub fn stop_engine(&self) {
        self.stop.send_replace(true);
    }

    /// An engine that is not started yet, under the name of a host.
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

    /// A rebuild of its views.
    #[must_use]
    pub fn rebuild(&self) -> Rebuild {
        Rebuild::new(self.log.clone(), self.vault.clone(), self.pool.clone(), KEEP)
    }

    /// An auditor of its views.
    #[must_use]
    pub fn auditor(&self) -> Auditor {
        Auditor::new(self.log.clone(), self.vault.clone(), self.pool.clone())
    }

    /// What serves.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn views(&self) -> anyhow::Result<Views> {
        Ok(Views::open(self.pool.clone(), self.database.config()).await?)
    }

    /// Waits until both views hold everything that is in the log. Gives the position.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn settled(&self) -> anyhow::Result<Position> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let head = self.log.head().await?;
        loop {
            let live = generation::live(&self.pool.get().await?).await?;
            if live.len() == 2 && live.iter().all(|standing| standing.position >= head) {
                return Ok(head);
            }
            ensure!(tokio::time::Instant::now() < deadline, "the views stand at {live:?}, the log at {head}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Clinic {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A command of somebody at the front desk.
#[must_use]
pub fn desk() -> Origin {
    Origin::of(Actor::named("desk@clinic.example"))
}

/// An invented patient's request. Patients of different numbers have different phone numbers.
///
/// # Panics
/// When the service or the date is none.
#[must_use]
pub fn request(patient: u32, service: &str, date: &str, wish: &str, judge: ReadModel) -> NewReservation {
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
    #[expect(clippy::expect_used, reason = "an invented request that is none is a fault of its test")]
    NewReservation {
        key: None,
        details,
        phone: Phone::parse(&phone).expect("an invented phone"),
        service: ServiceId::parse(service).expect("an invented service"),
        date: date.parse().expect("an invented date"),
        wish: WishInput::Text(wish.to_owned()),
        judge,
    }
}
