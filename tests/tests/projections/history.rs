//! Random histories of a clinic, and the contents of a generation's tables.

pub(crate) mod old_rows;

use std::collections::BTreeMap;

use daybook_commands::{CommandError, NewClosure, NewReservation, Origin, RequestedTime, ReservationChange};
use daybook_domain::catalog::{CatalogCommand, ServiceDraft, ServiceRenamed, ServiceRetimed};
use daybook_domain::phone::Phone;
use daybook_domain::schedule::{ClosedTime, ReviewedTime};
use daybook_domain::time::Span;
use daybook_domain::{Actor, Period, ReadModel, ReservationId, RuleSet, ServiceId, Status};
use daybook_projections::{Generation, generation};
use daybook_tests::clinic::{Clinic, desk, request};
use daybook_tests::postgres::TestDatabase;

use old_rows::import_rows;

/// A small random number generator, deterministic for each seed.
pub(crate) struct TestRng(u64);

impl TestRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) as u32) % limit
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }
}

const DATES: [&str; 3] = ["2026-12-01", "2026-12-04", "2026-12-05"];
/// Patients in a history. Each has one phone number and several bookings.
const PATIENTS: u32 = 40;
const SERVICES: [&str; 4] = ["srv_wrinkle_botox", "srv_skin_care", "srv_other_consultation", "srv_scalp"];
const WISHES: [&str; 9] =
    ["09:00", "오전 10시", "10:40", "오후 2시 30분", "15:30", "오전", "morning", "2시", "전화 주세요"];
/// Starts chosen from a list. Those before 7 o'clock are only possible in a clinic that opens early.
const STARTS: [&str; 6] = ["05:10", "06:00", "09:00", "11:10", "14:00", "16:20"];
const STAFF: [&str; 2] = ["desk@clinic.example", "night.desk@clinic.example"];

/// Performs this many random steps in a clinic, including rejected ones.
pub(crate) async fn run_random_steps(clinic: &Clinic, rng: &mut TestRng, steps: usize) {
    let scalp = ServiceDraft {
        service: ServiceId::parse("srv_scalp").unwrap(),
        code: "SCALP".into(),
        legacy: None,
        name: "두피케어".into(),
        name_en: None,
        description: None,
        category: None,
        duration: 20,
        buffer: 5,
        base_price: None,
    };
    // A second history of a clinic finds it, possibly with other values by now.
    if clinic.commands.catalog().get(&scalp.service).is_none() {
        clinic.commands.change_catalog(CatalogCommand::DefineService(scalp), desk()).await.unwrap();
    }
    // Outcomes are recorded by a process whose clock shows a time after all days.
    let later = clinic.commands_at("2026-12-31T01:00:00Z").await.unwrap();
    let mut booked: Vec<(chrono::NaiveDate, ReservationId)> = Vec::new();
    for _ in 0..steps {
        let name = *rng.pick(&STAFF);
        let origin = Origin::from_actor(Actor::named(name));
        let outcome = match rng.below(13) {
            0..6 => {
                let new_reservation = booking(rng);
                let date = new_reservation.date;
                clinic
                    .commands
                    .request(new_reservation, origin)
                    .await
                    .map(|done| booked.push((date, done.reservation)))
            }
            6..9 if !booked.is_empty() => {
                let (date, reservation) = rng.pick(&booked).clone();
                let mut outcome = Ok(());
                for change in with_what_it_corrects(change(rng)) {
                    let is_outcome =
                        matches!(change, ReservationChange::Complete | ReservationChange::MarkNoShow);
                    let commands = if is_outcome { &later } else { &clinic.commands };
                    let changed = commands.change(date, reservation.clone(), None, change, origin.clone());
                    outcome = changed.await.map(|_| ());
                }
                outcome
            }
            9 => close(clinic, rng, origin).await,
            10 => clinic.commands.change_catalog(catalog_change(rng), origin).await.map(|_| ()),
            11 => {
                booked.extend(import_rows(clinic, rng).await);
                Ok(())
            }
            _ => {
                let phone = Phone::parse(&phone(rng)).unwrap();
                clinic.commands.forget(&phone, origin).await.map(|_| ())
            }
        };
        assert!(!matches!(outcome, Err(CommandError::Unavailable(_))), "{outcome:?}");
    }
}

/// Closes part of a day, and sometimes reopens it.
async fn close(clinic: &Clinic, rng: &mut TestRng, origin: Origin) -> Result<(), CommandError> {
    let span = Span { start: "17:00".parse().unwrap(), end: "17:30".parse().unwrap() };
    let closure =
        NewClosure { key: None, time: ClosedTime::Span(span), service: None, reason: Some("회의".into()) };
    let date = rng.pick(&DATES).parse().unwrap();
    let id = clinic.commands.close_time(date, closure, origin.clone()).await?.id;
    if rng.below(2) == 0 {
        clinic.commands.reopen_time(date, id, origin).await?;
    }
    Ok(())
}

/// The phone number of one of the patients, in the format of [`request`].
fn phone(rng: &mut TestRng) -> String {
    format!("010-1000-{:04}", rng.below(PATIENTS))
}

fn booking(rng: &mut TestRng) -> NewReservation {
    let model = *rng.pick(&ReadModel::ALL);
    let (service, date, text) = (*rng.pick(&SERVICES), *rng.pick(&DATES), *rng.pick(&WISHES));
    let new_reservation = request(rng.below(PATIENTS), service, date, text, model);
    let requested_time = match rng.below(8) {
        0 => RequestedTime::Period(*rng.pick(&[Period::Morning, Period::Afternoon])),
        1 | 2 => RequestedTime::At(rng.pick(&STARTS).parse().unwrap()),
        _ => return new_reservation,
    };
    NewReservation { requested_time, ..new_reservation }
}

fn change(rng: &mut TestRng) -> ReservationChange {
    let start = rng.pick(&STARTS).parse().unwrap();
    let rules = *rng.pick(&RuleSet::ALL);
    match rng.below(16) {
        0 | 1 => ReservationChange::Confirm,
        3 => ReservationChange::Cancel { reason: Some("사정이 생김".into()) },
        4 | 14 => ReservationChange::MarkNoShow,
        5 => ReservationChange::CorrectNoShow { reason: "늦게 도착".into() },
        6 => ReservationChange::Reschedule { start, rules },
        7 => ReservationChange::AssignTime { start, rules },
        8 | 9 => ReservationChange::Complete,
        10 => ReservationChange::Reject { reason: None },
        15 => ReservationChange::CorrectCompletion { reason: "다른 환자".into() },
        11 => ReservationChange::ReviewTime(ReviewedTime::Period(
            *rng.pick(&[Period::Morning, Period::Afternoon]),
        )),
        12 => ReservationChange::ReviewTime(ReviewedTime::At(start)),
        _ => ReservationChange::WriteAdminNote(format!("전화 확인 {}", rng.below(100))),
    }
}

/// A correction after the changes that it undoes, because few random bookings have just the right status.
fn with_what_it_corrects(change: ReservationChange) -> Vec<ReservationChange> {
    let corrected = change.corrected_status();
    if corrected == Some(Status::NoShow) {
        vec![ReservationChange::MarkNoShow, change]
    } else if corrected == Some(Status::Completed) {
        vec![ReservationChange::Confirm, ReservationChange::Complete, change]
    } else {
        vec![change]
    }
}

fn catalog_change(rng: &mut TestRng) -> CatalogCommand {
    let service = ServiceId::parse(*rng.pick(&SERVICES)).unwrap();
    match rng.below(4) {
        0 => CatalogCommand::RetimeService(ServiceRetimed {
            service,
            duration: 20 + 10 * rng.below(3),
            buffer: 5,
        }),
        1 => {
            let name = format!("이름 {}", rng.below(9)).into();
            CatalogCommand::RenameService(ServiceRenamed { service, name, name_en: None, description: None })
        }
        2 => CatalogCommand::DeactivateService(service),
        _ => CatalogCommand::ActivateService(service),
    }
}

/// All rows of all tables of a generation, as text and in order.
pub(crate) async fn contents(clinic: &Clinic, generation: Generation) -> BTreeMap<String, Vec<String>> {
    contents_in(&clinic.database, generation).await
}

/// Like [`contents`], in another database than the clinic's.
pub(crate) async fn contents_in(
    database: &TestDatabase,
    generation: Generation,
) -> BTreeMap<String, Vec<String>> {
    let client = database.connect().await.unwrap();
    let schema = generation.schema();
    let tables = client
        .query("SELECT tablename::text FROM pg_tables WHERE schemaname = $1", &[&schema])
        .await
        .unwrap();
    let mut contents = BTreeMap::new();
    for table in tables {
        let table: String = table.get(0);
        // A day from which the last booking was removed may have an empty row.
        let rows =
            client.query(&format!("SELECT t::text FROM {schema}.{table} t ORDER BY 1"), &[]).await.unwrap();
        contents.insert(table, rows.iter().map(|row| row.get(0)).collect());
    }
    contents
}

/// The live generation of a view.
pub(crate) async fn live(clinic: &Clinic, model: ReadModel) -> Generation {
    let live = generation::live(&clinic.pool.get().await.unwrap()).await.unwrap();
    live.iter().find(|status| status.generation.model == model).unwrap().generation
}
