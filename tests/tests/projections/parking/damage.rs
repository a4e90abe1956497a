//! Makes events unreadable by damaging the log or the keys, and reads the parked events.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use daybook_commands::ReservationChange;
use daybook_domain::schedule::{RequestReservation, ScheduleCommand};
use daybook_domain::{KeyId, PatientFingerprint, ReadModel, ReservationId, requested_time};
use daybook_projections::{Engine, Process};
use daybook_tests::clinic::{Clinic, MASTER_KEY, desk, request};
use daybook_vault::{MasterKey, PatientDetails, Vault, sealing_context};
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::history::{contents, live};

/// A clinic whose views have no engine yet.
pub(super) async fn idle_clinic() -> Clinic {
    let clinic = Clinic::without_views().await.unwrap();
    clinic.rebuild().missing().await.unwrap();
    clinic
}

/// A vault as in another process, with an empty key cache.
pub(super) fn fresh_vault(pool: Pool) -> Vault {
    Vault::new(pool, Arc::new(MasterKey::parse(MASTER_KEY).unwrap()))
}

/// An engine with its own vault, which can be stopped.
pub(super) struct RunningEngine {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl RunningEngine {
    pub(super) fn start(clinic: &Clinic, host: &str) -> Self {
        Self::with_vault(clinic, host, fresh_vault(clinic.pool.clone()))
    }

    pub(super) fn with_vault(clinic: &Clinic, host: &str, vault: Vault) -> Self {
        let process = Process { host: host.to_owned(), pid: 1 };
        let engine = Engine::new(clinic.log.clone(), vault, clinic.pool.clone(), process);
        let stop = watch::Sender::new(false);
        Self { running: tokio::spawn(engine.run(stop.subscribe())), stop }
    }

    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        self.running.await.unwrap();
    }
}

/// The starts of the patients of [`book`], on each weekday from 14 December on.
const STARTS: [&str; 4] = ["09:00", "10:00", "14:00", "15:00"];

/// Books for a patient, each at another time. The details are sealed here and not by the command, which refuses notes that
/// no view can hold.
pub(super) async fn book(clinic: &Clinic, patient: u32, notes: Option<&str>) -> ReservationId {
    let (date, time) = (day_of(patient), STARTS[patient as usize % STARTS.len()]);
    let wanted = request(patient, "srv_body_care", &date.to_string(), time, ReadModel::Legacy);
    let details = PatientDetails { notes: notes.map(Into::into), ..wanted.details };
    let reservation = ReservationId::parse(Uuid::now_v7().to_string()).unwrap();
    let subject = clinic.commands.subject(&wanted.phone);
    let sealed = clinic.vault.seal(subject, sealing_context(&reservation), &details.to_text()).await.unwrap();
    let command = ScheduleCommand::Request(RequestReservation {
        reservation: reservation.clone(),
        subject,
        details: sealed,
        service: wanted.service,
        requested_time: Some(time.into()),
        parsed_time: requested_time::parse(time),
        rules: wanted.rules,
        fingerprint: None,
        is_keyed: false,
        stated_period: None,
        patient: PatientFingerprint::from_bytes([0; 16]),
        stranger: None,
    });
    clinic.commands.execute_one(date, command, desk()).await.unwrap();
    reservation
}

/// The day of [`book`].
pub(super) fn day_of(patient: u32) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 12, 14).unwrap();
    let weekdays = first.iter_days().filter(|day| day.weekday().number_from_monday() < 6);
    weekdays.into_iter().nth(patient as usize / STARTS.len()).unwrap()
}

pub(super) async fn change(
    clinic: &Clinic,
    patient: u32,
    reservation: &ReservationId,
    new_reservation: ReservationChange,
) {
    let changed = clinic.commands.change(day_of(patient), reservation.clone(), None, new_reservation, desk());
    changed.await.unwrap();
}

/// The positions of a reservation's events.
pub(super) async fn events_of(clinic: &Clinic, reservation: &ReservationId) -> Vec<i64> {
    let sql =
        "SELECT position FROM event_log.events WHERE stream LIKE 'daybook-%' AND payload->>'reservation' = $1
               ORDER BY position";
    let client = clinic.database.connect().await.unwrap();
    let rows = client.query(sql, &[&reservation.as_str()]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Changes the type of an event directly in the table. Returns the previous type.
pub(super) async fn rename(clinic: &Clinic, position: i64, kind: &str) -> String {
    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("SET session_replication_role = replica").await.unwrap();
    let sql = "UPDATE event_log.events e SET kind = $2 FROM event_log.events old
               WHERE e.position = $1 AND old.position = $1 RETURNING old.kind";
    client.query_one(sql, &[&position, &kind]).await.unwrap().get(0)
}

/// A key that was removed from the vault.
pub(super) struct LostKey {
    id: Uuid,
    subject: Vec<u8>,
    wrapped: Vec<u8>,
}

impl LostKey {
    /// Removes the key that a booking is sealed with.
    pub(super) async fn of(clinic: &Clinic, position: i64) -> Self {
        let sql = "DELETE FROM privacy.keys WHERE key_id =
                       (SELECT (payload->'details'->>'key')::uuid FROM event_log.events WHERE position = $1)
                   RETURNING key_id, subject, wrapped_key";
        let client = clinic.database.connect().await.unwrap();
        let row = client.query_one(sql, &[&position]).await.unwrap();
        Self { id: row.get(0), subject: row.get(1), wrapped: row.get(2) }
    }

    pub(super) const fn id(&self) -> KeyId {
        KeyId(self.id)
    }

    pub(super) async fn restore(self, clinic: &Clinic) {
        let sql = "INSERT INTO privacy.keys (key_id, subject, wrapped_key) VALUES ($1, $2, $3)";
        let client = clinic.database.connect().await.unwrap();
        client.execute(sql, &[&self.id, &self.subject, &self.wrapped]).await.unwrap();
    }
}

/// A row of the table of parked events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) generation: String,
    pub(super) position: i64,
    pub(super) held_up: String,
    pub(super) cause: Option<String>,
}

/// All parked events. The counts beside the checkpoints must agree with them.
pub(super) async fn parked(clinic: &Clinic) -> Vec<Row> {
    let client = clinic.database.connect().await.unwrap();
    let counts = "SELECT parked, (SELECT count(*) FROM control.parked_events p WHERE (p.model, p.number) = (c.model, c.number))
                  FROM control.checkpoints c";
    for row in client.query(counts, &[]).await.unwrap() {
        assert_eq!(i64::from(row.get::<_, i32>(0)), row.get::<_, i64>(1));
    }
    let sql = "SELECT model || '_' || number, commit_position, held_up, cause FROM control.parked_events ORDER BY 1, 2";
    let rows = client.query(sql, &[]).await.unwrap();
    let read = |row: &tokio_postgres::Row| Row {
        generation: row.get(0),
        position: row.get(1),
        held_up: row.get(2),
        cause: row.get(3),
    };
    rows.iter().map(read).collect()
}

/// The positions parked in one generation, in order.
pub(super) fn positions(rows: &[Row], generation: &str) -> Vec<i64> {
    rows.iter().filter(|row| row.generation == generation).map(|row| row.position).collect()
}

/// The contents of both live views.
pub(super) async fn shown(clinic: &Clinic) -> Vec<std::collections::BTreeMap<String, Vec<String>>> {
    let mut shown = Vec::new();
    for model in ReadModel::ALL {
        shown.push(contents(clinic, live(clinic, model).await).await);
    }
    shown
}

/// The ids of the reservations in a live view.
pub(super) async fn ids(clinic: &Clinic, model: ReadModel) -> BTreeSet<String> {
    let client = clinic.database.connect().await.unwrap();
    let sql = format!("SELECT id FROM {}.reservations", live(clinic, model).await.schema());
    client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Checks that the live views equal a rebuild, byte for byte.
pub(super) async fn assert_as_rebuilt(clinic: &Clinic) {
    let before = shown(clinic).await;
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!(shown(clinic).await, before);
}
