//! Generated commands of every kind, each executed as its entrance executes it.

use chrono::NaiveDate;
use daybook_commands::{
    CommandError, IdempotencyKey, NewClosure, NewReservation, Origin, RequestedTime, ReservationChange,
};
use daybook_domain::catalog::CatalogCommand;
use daybook_domain::hours::ClinicHoursSet;
use daybook_domain::phone::Phone;
use daybook_domain::routing::RoutingCommand;
use daybook_domain::schedule::{CloseTime, ClosedTime, ReviewedTime, ScheduleCommand};
use daybook_domain::time::Span;
use daybook_domain::{Actor, ClosureId, Period, ReadModel, ReservationId, RuleSet, ServiceId, value};
use daybook_migration::import::{ImportRun, Source};
use daybook_tests::clinic::{Clinic, request};

use super::clinic_commands::{catalog, hours, routing};
use super::hostile::{date, id, is_hostile, number, optional_text, text, time};
use super::rows::{SealedCommand, file, imported, sealed_request};
use crate::history::TestRng;

/// The kinds of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Request,
    SealedRequest,
    Import,
    ImportFile,
    Change,
    Close,
    Reopen,
    Catalog,
    Hours,
    Routing,
    Forget,
}

/// A generated command.
pub(super) enum Command {
    Request(NewReservation),
    Sealed(SealedCommand),
    ImportFile(Vec<u8>),
    Change(NaiveDate, ReservationId, Option<u32>, Vec<ReservationChange>),
    Close(NaiveDate, NewClosure),
    Schedule(NaiveDate, ScheduleCommand),
    Catalog(CatalogCommand),
    Hours(ClinicHoursSet),
    Routing(RoutingCommand),
    Forget(Phone),
}

/// What an accepted command made, so that later commands meet it.
#[derive(Debug, Clone)]
pub(super) enum Made {
    Booking(NaiveDate, ReservationId),
    Closure(NaiveDate, ClosureId),
}

/// What accepted commands made.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    bookings: Vec<(NaiveDate, ReservationId)>,
    closures: Vec<(NaiveDate, ClosureId)>,
}

impl Known {
    pub(super) fn add(&mut self, made: Made) {
        match made {
            Made::Booking(date, reservation) => self.bookings.push((date, reservation)),
            Made::Closure(date, closure) => self.closures.push((date, closure)),
        }
    }
}

/// Few enough that their bookings meet.
pub(super) const PATIENTS: u32 = 400;

/// Generates a command.
pub(super) fn generate(rng: &mut TestRng, known: &Known) -> (Kind, Command) {
    match rng.below(1000) {
        0..200 => (Kind::Request, Command::Request(new_reservation(rng))),
        200..280 => (Kind::SealedRequest, Command::Sealed(sealed_request(rng))),
        280..420 => (Kind::Import, Command::Sealed(imported(rng))),
        420 => (Kind::ImportFile, Command::ImportFile(file(rng))),
        421..700 => (Kind::Change, change(rng, known)),
        700..760 => (Kind::Close, close(rng)),
        760..800 => (Kind::Reopen, reopen(rng, known)),
        800..880 => (Kind::Catalog, Command::Catalog(catalog(rng))),
        880..940 => (Kind::Hours, Command::Hours(hours(rng))),
        940..990 => (Kind::Routing, Command::Routing(routing(rng))),
        _ => (Kind::Forget, Command::Forget(phone(rng))),
    }
}

/// The actor of a command, as it comes from a token or an operating system.
pub(super) fn origin(rng: &mut TestRng) -> Origin {
    Origin::from_actor(Actor::named(&text(rng, value::STAFF_NAME)))
}

pub(super) fn service(rng: &mut TestRng) -> ServiceId {
    let known = ["srv_wrinkle_botox", "srv_skin_care", "srv_other_consultation", "srv_new1", "srv_new2"];
    let service = if is_hostile(rng) { "srv_none" } else { rng.pick(&known) };
    ServiceId::parse(service).unwrap()
}

pub(super) fn phone(rng: &mut TestRng) -> Phone {
    Phone::parse(&format!("010-1000-{:04}", rng.below(PATIENTS))).unwrap()
}

pub(super) fn period(rng: &mut TestRng) -> Period {
    *rng.pick(&[Period::Morning, Period::Afternoon])
}

fn new_reservation(rng: &mut TestRng) -> NewReservation {
    let wanted = request(rng.below(PATIENTS), "srv_skin_care", "2026-12-01", "", *rng.pick(&ReadModel::ALL));
    let mut details = wanted.details;
    details.patient_name = text(rng, value::PATIENT_NAME).into();
    if is_hostile(rng) {
        details.phone = text(rng, value::PHONE).into();
        details.birth_date = date(rng);
    }
    details.email = is_hostile(rng).then(|| text(rng, value::EMAIL).into());
    details.notes = optional_text(rng, value::NOTES).map(Into::into);
    details.admin_note = is_hostile(rng).then(|| text(rng, value::NOTES).into());
    let requested_time = match rng.below(4) {
        0 => RequestedTime::At(time(rng)),
        1 => RequestedTime::Period(period(rng)),
        2 => RequestedTime::Text(text(rng, value::REQUESTED_TIME)),
        _ => RequestedTime::Text(time(rng).to_string()),
    };
    let key = is_hostile(rng).then(|| IdempotencyKey::parse(&id(rng, "key", 20)).unwrap());
    NewReservation { key, details, service: service(rng), date: date(rng), requested_time, ..wanted }
}

fn change(rng: &mut TestRng, known: &Known) -> Command {
    let (date, reservation) = match &*known.bookings {
        bookings if !bookings.is_empty() && !is_hostile(rng) => rng.pick(bookings).clone(),
        _ => (date(rng), ReservationId::parse("none").unwrap()),
    };
    let expected_version = is_hostile(rng).then(|| number(rng, value::SERVICES));
    let changes = (0..1 + rng.below(2)).map(|_| one_change(rng)).collect();
    Command::Change(date, reservation, expected_version, changes)
}

fn one_change(rng: &mut TestRng) -> ReservationChange {
    let (start, rules) = (time(rng), *rng.pick(&RuleSet::ALL));
    match rng.below(12) {
        0 | 1 => ReservationChange::Confirm,
        2 => ReservationChange::Reject { reason: optional_text(rng, value::REASON) },
        3 => ReservationChange::Cancel { reason: optional_text(rng, value::REASON) },
        4 => ReservationChange::Complete,
        5 => ReservationChange::MarkNoShow,
        6 => ReservationChange::CorrectNoShow { reason: text(rng, value::REASON) },
        7 => ReservationChange::Reschedule { start, rules },
        8 => ReservationChange::AssignTime { start, rules },
        9 => ReservationChange::ReviewTime(ReviewedTime::At(start)),
        10 => ReservationChange::ReviewTime(ReviewedTime::Period(period(rng))),
        _ => ReservationChange::WriteAdminNote(text(rng, value::NOTES)),
    }
}

fn closure_id(rng: &mut TestRng) -> ClosureId {
    ClosureId::parse(id(rng, "closure", 30)).unwrap()
}

/// A closure. One with a given id can meet another one, of the same day or of another.
fn close(rng: &mut TestRng) -> Command {
    let (day, span) = (date(rng), Span { start: time(rng), end: time(rng) });
    let service = (rng.below(3) == 0).then(|| service(rng));
    let reason = optional_text(rng, value::REASON).map(Into::into);
    if rng.below(2) == 0 {
        let key = is_hostile(rng).then(|| IdempotencyKey::parse(&id(rng, "key", 20)).unwrap());
        return Command::Close(day, NewClosure { key, time: ClosedTime::Span(span), service, reason });
    }
    let closure = closure_id(rng);
    let time = ClosedTime::Span(span);
    Command::Schedule(
        day,
        ScheduleCommand::CloseTime(CloseTime { closure, time, service, reason, fingerprint: None }),
    )
}

fn reopen(rng: &mut TestRng, known: &Known) -> Command {
    let (date, closure) = match &*known.closures {
        closures if !closures.is_empty() && !is_hostile(rng) => rng.pick(closures).clone(),
        _ => (date(rng), closure_id(rng)),
    };
    Command::Schedule(date, ScheduleCommand::ReopenTime(closure))
}

/// Executes a command. Returns what it made if it was accepted.
pub(super) async fn execute(
    clinic: &Clinic,
    command: Command,
    origin: Origin,
) -> Result<Option<Made>, CommandError> {
    let commands = &clinic.commands;
    match command {
        Command::Request(wanted) => {
            let date = wanted.date;
            return Ok(Some(Made::Booking(date, commands.request(wanted, origin).await?.reservation)));
        }
        Command::Sealed(sealed) => return sealed.execute(clinic, origin).await.map(Some),
        Command::ImportFile(file) => {
            let source = Source::csv(std::io::Cursor::new(file));
            let report = ImportRun::default().run(commands, source, &|_| {}).await.expect("a run");
            assert!(report.imported + report.updated > 0 && report.rejected > 0, "{report:?}");
        }
        Command::Change(date, reservation, version, changes) => {
            commands.change_all(date, reservation, version, changes, origin).await?;
        }
        Command::Close(date, closure) => {
            return Ok(Some(Made::Closure(date, commands.close_time(date, closure, origin).await?.id)));
        }
        Command::Schedule(date, command) => {
            let closed = if let ScheduleCommand::CloseTime(close) = &command {
                Some(Made::Closure(date, close.closure.clone()))
            } else {
                None
            };
            commands.execute_one(date, command, origin).await?;
            return Ok(closed);
        }
        Command::Catalog(command) => drop(commands.change_catalog(command, origin).await?),
        Command::Hours(command) => drop(commands.set_hours(command, origin).await?),
        Command::Routing(command) => drop(commands.change_routing(command, origin).await?),
        Command::Forget(phone) => drop(commands.forget(&phone, origin).await?),
    }
    Ok(None)
}
