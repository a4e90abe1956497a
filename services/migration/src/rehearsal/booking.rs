//! Bookings of made-up patients under the rules of the model to which each patient is routed.
//!
//! It must never decide by itself whether a time is free: it tries the clinic's hours one by one and accepts refusals.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::shadow::SampledReservation;
use chrono::{Days, NaiveDate};
use daybook_commands::{CommandError, NewReservation, RequestedTime, Sender};
use daybook_domain::phone::Phone;
use daybook_domain::routing::RoutedSubject;
use daybook_domain::{ClockTime, Gender, ReadModel, ServiceId, TreatmentType};
use daybook_vault::PatientDetails;

use super::RehearsalError;
use super::environment::RehearsalEnvironment;

/// Maximum number of attempts per booking; the clinic may be full.
const MAX_ATTEMPTS: u64 = 60;

/// Bookings are spread over this many days from tomorrow on, and consecutive attempts are `STEP` days apart, because the next
/// weeks may be full. The two numbers have no common divisor, so every day gets its turn.
const DAYS_AHEAD: u64 = 360;
const STEP: u64 = 97;

/// How long a view may take to show a booking.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of a booking.
pub(super) enum Booking {
    /// The view to which the patient is routed shows it.
    Shown(ReadModel),
    /// It was recorded, but that view does not show it.
    NotShown,
    /// Every attempt was refused.
    Refused,
}

/// Books for a new patient and reads the booking as the patient would.
pub(super) async fn book(environment: &RehearsalEnvironment) -> Result<Booking, RehearsalError> {
    for _ in 0..MAX_ATTEMPTS {
        let number = environment.attempts.fetch_add(1, Ordering::Relaxed);
        let Some((service, date, start)) = slot(environment, number) else { continue };
        let details = patient(number);
        let phone = Phone::parse(&details.phone)?;
        let subject = environment.commands.subject(&phone);
        let routed = RoutedSubject::patient(subject);
        let (model, _) = environment.router.routing().choose(Some(&routed));
        let requested_time = RequestedTime::At(start);
        let reservation = NewReservation {
            sender: Sender::Clinic,
            key: None,
            details,
            phone,
            service,
            date,
            requested_time,
            stated_period: None,
            unread_text: None,
            rules: model.into(),
        };
        let booked = match environment.commands.request(reservation, environment.origin.clone()).await {
            Err(CommandError::Rejected(_)) => continue,
            outcome => outcome?,
        };
        environment.booked.fetch_add(1, Ordering::Relaxed);
        let route = environment.router.choose_with(Some(&routed), booked.position, SHOWN_TIMEOUT).await?;
        let shown = environment.queries.reservation(route.generation, &booked.reservation).await?;
        // Other readers may expect it only once the view has shown it.
        environment.add_sample(SampledReservation { reservation: booked.reservation, date, subject });
        return Ok(shown.value.map_or(Booking::NotShown, |_| Booking::Shown(route.model())));
    }
    Ok(Booking::Refused)
}

/// The time of an attempt; none if the clinic is closed on that day or has no service.
fn slot(environment: &RehearsalEnvironment, number: u64) -> Option<(ServiceId, NaiveDate, ClockTime)> {
    let (catalog, hours) = (environment.commands.catalog(), environment.commands.hours());
    let round = number / DAYS_AHEAD;
    let date = environment
        .commands
        .now_local()
        .date()
        .checked_add_days(Days::new(1 + number * STEP % DAYS_AHEAD))?;
    let services: Vec<_> = catalog.in_order().into_iter().filter(|service| service.is_active).collect();
    let service = services.get(index(number + round, services.len())?)?;
    let starts: Vec<ClockTime> = hours
        .on(date)
        .filter(|slot| slot.admits(&service.id))
        .flat_map(|slot| {
            let count = slot.span.minutes() / slot.slot_interval.max(1);
            (0..count).map(|index| slot.span.start.plus(index * slot.slot_interval))
        })
        .collect();
    let start = *starts.get(index(round, starts.len())?)?;
    Some((service.id.clone(), date, start))
}

/// `number` modulo `count`; none if `count` is 0.
fn index(number: u64, count: usize) -> Option<usize> {
    usize::try_from(number.checked_rem(count as u64)?).ok()
}

/// A made-up patient. Phone numbers of this form are not assigned.
fn patient(number: u64) -> PatientDetails {
    PatientDetails {
        patient_name: format!("Rehearsal {number}").into(),
        phone: format!("010-0{:03}-{:04}", number / 10_000 % 1_000, number % 10_000).into(),
        email: None,
        birth_date: NaiveDate::default(),
        gender: Gender::Female,
        treatment_type: TreatmentType::FirstVisit,
        notes: None,
        admin_note: None,
        unread_wish: None,
    }
}
