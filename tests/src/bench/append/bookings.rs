//! Our side: concurrent patients book through the real write side on the real log.
//!
//! It must never book for a patient whose key is in memory only because the setup put it there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context;
use chrono::{Days, NaiveDate};
use daybook_commands::{CommandError, Commands, NewReservation, Settings, StrangerBounds};
use daybook_domain::hours::{ClinicHoursSet, first_hours};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{ClinicZone, ReadModel, SubjectId};
use daybook_vault::{MasterKey, Vault};
use futures_util::future::try_join_all;

use super::{BOOKINGS, CLIENTS};
use crate::clinic::{Clinic, FixedClock, MASTER_KEY, desk, request};

/// Days over which the bookings are spread, from the day after the clinic's current date.
pub(super) const DAYS_AHEAD: u64 = 350;

/// Concurrent treatments in the clinic of this benchmark.
const SEATS: u32 = 8;

/// Patients who already have a key.
const KNOWN_PATIENTS: u32 = 2000;

/// The clinic's current date.
const TODAY: NaiveDate = match NaiveDate::from_ymd_opt(2026, 11, 20) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// Services of at most one hour, so that bookings on the hour do not overlap.
const SERVICES: [&str; 5] = [
    "srv_wrinkle_botox",
    "srv_volume_lifting",
    "srv_removal_procedure",
    "srv_body_care",
    "srv_other_consultation",
];

/// Requested times as people type them. On Saturdays only the first four are used.
const REQUESTED_TIMES: [&str; 8] =
    ["09:00", "오전 10시", "11:00", "오후 12시", "오후 2시", "15:00", "4:00 PM", "오후 5시"];

/// The result of a round.
pub(super) struct BookingRound {
    pub(super) accepted: usize,
    pub(super) seconds: f64,
}

/// A clinic with several seats, and patients whose keys are on disk.
pub(super) async fn clinic() -> anyhow::Result<Clinic> {
    let mut clinic = Clinic::without_views().await?;
    clinic.commands = bounded(&clinic).await?;
    for hours in first_hours() {
        clinic.commands.set_hours(with_seats(hours), desk()).await?;
    }
    let known: Vec<SubjectId> =
        (0..KNOWN_PATIENTS).map(|patient| clinic.commands.subject(&booking(patient, 0).phone)).collect();
    // A separate vault, because the clinic's own would keep these keys in memory.
    let vault = Vault::new(clinic.pool.clone(), Arc::new(MasterKey::parse(MASTER_KEY)?));
    vault.keys_for(&known).await?;
    Ok(clinic)
}

/// The write side of a service, which counts the bookings of strangers.
async fn bounded(clinic: &Clinic) -> anyhow::Result<Commands> {
    let clock = Arc::new(FixedClock(format!("{TODAY}T01:00:00Z").parse()?));
    let settings = Settings { zone: ClinicZone::SEOUL, clock, bounds: StrangerBounds::default() };
    let commands = Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await?;
    commands.count_strangers().await?;
    Ok(commands)
}

fn with_seats(mut hours: ClinicHoursSet) -> ClinicHoursSet {
    hours.slots.iter_mut().for_each(|slot| slot.max_concurrent = SEATS);
    hours
}

/// Requests all bookings of a round.
pub(super) async fn run(clinic: &Clinic) -> anyhow::Result<BookingRound> {
    let bookings: Arc<Vec<NewReservation>> = Arc::new(round());
    let (next, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let since = Instant::now();
    let clients = (0..CLIENTS).map(|_| {
        let (commands, bookings) = (clinic.commands.clone(), Arc::clone(&bookings));
        let (next, accepted) = (Arc::clone(&next), Arc::clone(&accepted));
        tokio::spawn(async move {
            while let Some(booking) = bookings.get(next.fetch_add(1, Ordering::Relaxed)) {
                match commands.request(booking.clone(), desk()).await {
                    Ok(_) => accepted.fetch_add(1, Ordering::Relaxed),
                    Err(CommandError::Rejected(_)) => 0,
                    Err(error) => return Err(error),
                };
            }
            Ok(())
        })
    });
    for outcome in try_join_all(clients).await.context("the task of a client")? {
        outcome.context("a booking failed")?;
    }
    let seconds = since.elapsed().as_secs_f64();
    Ok(BookingRound { accepted: accepted.load(Ordering::Relaxed), seconds })
}

/// One booking on each open day in turn, then the next one on each.
fn round() -> Vec<NewReservation> {
    let days = open_days();
    let bookings = (0..BOOKINGS).map(|number| {
        let (day, slot) = (number % days.len(), number / days.len());
        // Every other booking is for a known patient.
        let patient = number as u32 / 2;
        let patient =
            if number.is_multiple_of(2) { KNOWN_PATIENTS + patient } else { patient % KNOWN_PATIENTS };
        let mut booking = booking(patient, day + slot);
        booking.date = days.get(day).copied().unwrap_or(TODAY);
        booking.requested_time =
            daybook_commands::RequestedTime::Text(requested_time(booking.date, slot).to_owned());
        booking
    });
    bookings.collect()
}

fn open_days() -> Vec<NaiveDate> {
    let days = (1..=DAYS_AHEAD).filter_map(|ahead| TODAY.checked_add_days(Days::new(ahead)));
    days.filter(|date| DayOfWeek::from_date(*date).number() != 0).collect()
}

fn requested_time(date: NaiveDate, slot: usize) -> &'static str {
    let is_saturday = DayOfWeek::from_date(date).number() == 6;
    let open: Vec<&str> = match is_saturday {
        true => REQUESTED_TIMES.iter().take(4).copied().collect(),
        false => REQUESTED_TIMES
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != 3)
            .map(|(_, requested_time)| *requested_time)
            .collect(),
    };
    open.get(slot % open.len()).copied().unwrap_or_default()
}

fn booking(patient: u32, number: usize) -> NewReservation {
    let model = if number.is_multiple_of(4) { ReadModel::Dynamic } else { ReadModel::Legacy };
    let service = SERVICES.get(number % SERVICES.len()).copied().unwrap_or_default();
    request(patient, service, &TODAY.to_string(), "10:00", model)
}
