//! Bookings of invented patients, as clients ask for them: judged by the rules of the model that the patient is led to.
//!
//! It must never choose a time by a rule of its own: it goes through the clinic's hours, and takes a refusal for an answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::shadow::SampledReservation;
use chrono::{Days, NaiveDate};
use daybook_commands::{CommandError, NewReservation, RequestedTime};
use daybook_domain::phone::Phone;
use daybook_domain::routing::RoutedSubject;
use daybook_domain::{ClockTime, Gender, ReadModel, ServiceId, TreatmentType};
use daybook_vault::PatientDetails;

use super::RehearsalError;
use super::environment::RehearsalEnvironment;

/// Times that are asked for before a booking is given up: a clinic may be full.
const TRIES: u64 = 60;

/// Days ahead among which bookings are spread, from tomorrow on, and how far one try is from the next: the coming weeks may be
/// full, and tries that follow one another are not all to meet them. The step has no divisor in common with the days.
const DAYS_AHEAD: u64 = 360;
const STEP: u64 = 97;

/// How long a view may take to show a booking.
const SHOWN_PATIENCE: Duration = Duration::from_secs(10);

/// What became of a booking.
pub(super) enum Booking {
    /// It was made, and the view that its patient is led to shows it.
    Shown(ReadModel),
    /// It was made, and that view does not show it.
    NotShown,
    /// Every time that was asked for was refused.
    Refused,
}

/// Books with a new patient, and reads it as the patient would.
pub(super) async fn book(environment: &RehearsalEnvironment) -> Result<Booking, RehearsalError> {
    for _ in 0..TRIES {
        let number = environment.tries.fetch_add(1, Ordering::Relaxed);
        let Some((service, date, start)) = slot(environment, number) else { continue };
        let details = invented(number);
        let phone = Phone::parse(&details.phone)?;
        let subject = environment.commands.subject(&phone);
        let patient = RoutedSubject::patient(subject);
        let (model, _) = environment.router.routing().choose(Some(&patient));
        let requested_time = RequestedTime::At(start);
        let wanted =
            NewReservation { key: None, details, phone, service, date, requested_time, rules: model.into() };
        let booked = match environment.commands.request(wanted, environment.origin()).await {
            Err(CommandError::Rejected(_)) => continue,
            outcome => outcome?,
        };
        environment.note_booked();
        let route = environment.router.choose_with(Some(&patient), booked.position, SHOWN_PATIENCE).await?;
        let shown = environment.queries.reservation(route.generation, &booked.reservation).await?;
        // Only from now on may others expect to see it.
        environment.note_known(SampledReservation { reservation: booked.reservation, date, subject });
        return Ok(shown.value.map_or(Booking::NotShown, |_| Booking::Shown(route.model())));
    }
    Ok(Booking::Refused)
}

/// The time that a number stands for; none where the clinic is closed on its day, or has no service.
fn slot(environment: &RehearsalEnvironment, number: u64) -> Option<(ServiceId, NaiveDate, ClockTime)> {
    let (catalog, hours) = (environment.commands.catalog(), environment.commands.hours());
    let round = number / DAYS_AHEAD;
    let date = environment
        .commands
        .now_local()
        .date()
        .checked_add_days(Days::new(1 + number * STEP % DAYS_AHEAD))?;
    let services: Vec<_> = catalog.in_order().into_iter().filter(|service| service.is_active).collect();
    let service = services.get(turn(number + round, services.len())?)?;
    let starts: Vec<ClockTime> = hours
        .on(date)
        .filter(|slot| slot.admits(&service.id))
        .flat_map(|slot| {
            let places = slot.span.minutes() / slot.slot_interval.max(1);
            (0..places).map(|place| slot.span.start.plus(place * slot.slot_interval))
        })
        .collect();
    let start = *starts.get(turn(round, starts.len())?)?;
    Some((service.id.clone(), date, start))
}

/// Whose turn it is among so many.
fn turn(number: u64, of: usize) -> Option<usize> {
    usize::try_from(number.checked_rem(of as u64)?).ok()
}

/// A patient that there is not: numbers of this form are given to nobody.
fn invented(number: u64) -> PatientDetails {
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
