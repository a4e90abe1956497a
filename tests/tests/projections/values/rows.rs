//! Generated rows of the old system, and commands whose details are sealed before the domain sees them.

use std::fmt::Write as _;

use chrono::NaiveDate;
use daybook_commands::{CommandError, Origin};
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::event::{ReservationImported, ServiceSnapshot};
use daybook_domain::schedule::{RequestReservation, ScheduleCommand, SlotAssignment};
use daybook_domain::{
    LegacyService, PatientFingerprint, ReservationId, RuleSet, Sealed, ServiceId, Status, SubjectId, value,
};
use daybook_tests::clinic::{Clinic, request};
use daybook_vault::{PatientDetails, sealing_context};

use super::commands::{Made, PATIENTS, period, phone, service};
use super::hostile::{date, is_hostile, moment, number, optional_text, text, time};
use crate::history::TestRng;

/// A command with details to seal.
pub(super) struct SealedCommand {
    date: NaiveDate,
    reservation: ReservationId,
    subject_phone: daybook_domain::phone::Phone,
    details: PatientDetails,
    make: Box<dyn FnOnce(SubjectId, Sealed) -> ScheduleCommand + Send>,
}

impl SealedCommand {
    pub(super) async fn execute(self, clinic: &Clinic, origin: Origin) -> Result<Made, CommandError> {
        let subject = clinic.commands.subject(&self.subject_phone);
        let context = sealing_context(&self.reservation).to_vec();
        let sealed = clinic.vault.seal(subject, &context, &self.details.to_text()).await.unwrap();
        let command = (self.make)(subject, sealed);
        clinic.commands.execute_one(self.date, command, origin).await?;
        Ok(Made::Booking(self.date, self.reservation))
    }
}

/// A requested time, its meaning, and whether it has to be sealed.
fn requested_time(rng: &mut TestRng) -> (String, ParsedTime) {
    let text = match rng.below(4) {
        0 => text(rng, value::REQUESTED_TIME),
        1 => "오전".to_owned(),
        2 => "2시".to_owned(),
        _ => time(rng).to_string(),
    };
    let parsed = requested_time::parse(&text);
    (text, parsed)
}

/// Details that the vault accepts. Nobody can check them once they are sealed, so they are sound; see the requests.
fn details(rng: &mut TestRng, unread: Option<&str>) -> PatientDetails {
    let sound =
        request(rng.below(PATIENTS), "srv_skin_care", "2026-12-01", "", daybook_domain::ReadModel::Legacy);
    let visible = |text: &str| value::REQUESTED_TIME.check_characters(text).is_ok();
    let unread_wish = unread.map(|text| if visible(text) { text.into() } else { "전화 주세요".into() });
    PatientDetails { unread_wish, ..sound.details }
}

/// The id names its day: no two days of a clinic have the same reservation.
fn reservation(rng: &mut TestRng, date: NaiveDate) -> ReservationId {
    let day = date.to_string().replace('+', "p");
    ReservationId::parse(format!("row-{day}-{}", rng.below(30))).unwrap()
}

pub(super) fn sealed_request(rng: &mut TestRng) -> SealedCommand {
    let date = date(rng);
    let reservation = reservation(rng, date);
    let (text, parsed_time) = requested_time(rng);
    let is_plain = !matches!(parsed_time, ParsedTime::Ambiguous(_)) || is_hostile(rng);
    let details = details(rng, (!is_plain).then_some(&text));
    let (service, rules, id) = (service(rng), *rng.pick(&RuleSet::ALL), reservation.clone());
    let make = Box::new(move |subject, details| {
        ScheduleCommand::Request(RequestReservation {
            reservation: id,
            subject,
            details,
            service,
            requested_time: is_plain.then(|| text.into()),
            parsed_time,
            rules,
            fingerprint: None,
            is_keyed: false,
            stated_period: None,
            patient: PatientFingerprint::from_bytes([0; 16]),
            stranger: None,
        })
    });
    SealedCommand { date, reservation, subject_phone: phone(rng), details, make }
}

/// A row for a first or a repeated import.
pub(super) fn imported(rng: &mut TestRng) -> SealedCommand {
    let day = date(rng);
    let reservation = reservation(rng, day);
    let (text, parsed) = requested_time(rng);
    let is_plain = !matches!(parsed, ParsedTime::Ambiguous(_)) || is_hostile(rng);
    let details = details(rng, (!is_plain).then_some(&text));
    let placement = match parsed {
        _ if is_hostile(rng) => SlotAssignment::At { start: time(rng), period: period(rng) },
        ParsedTime::At(start) => SlotAssignment::At { start, period: period(rng) },
        ParsedTime::Period(period) => SlotAssignment::Period(period),
        ParsedTime::Ambiguous(ambiguity) => SlotAssignment::Review(ambiguity),
    };
    let row_day = if is_hostile(rng) { date(rng) } else { day };
    let snapshot = snapshot(rng);
    let status = *rng.pick(&Status::ALL);
    let moments = [moment(rng), moment(rng), moment(rng)];
    let changed_by: Option<Box<str>> = optional_text(rng, value::ACTOR).map(Into::into);
    let expected_version = (rng.below(2) == 0).then(|| 1 + rng.below(3));
    let (id, is_placed_here) = (reservation.clone(), is_hostile(rng).then(|| rng.below(2) == 0));
    let make = Box::new(move |subject, details| {
        let [created_at, updated_at, status_changed_at] = moments;
        let row = ReservationImported {
            reservation: id,
            subject,
            details,
            service: snapshot,
            date: row_day,
            wish: is_plain.then(|| text.into()),
            placement,
            is_placed_here,
            status,
            created_at,
            updated_at,
            status_changed_at,
            status_changed_by: changed_by,
            patient: None,
        };
        match expected_version {
            Some(expected_version) => ScheduleCommand::Reimport { row, expected_version },
            None => ScheduleCommand::Import(row),
        }
    });
    SealedCommand { date: day, reservation, subject_phone: phone(rng), details, make }
}

fn snapshot(rng: &mut TestRng) -> ServiceSnapshot {
    let legacy = *rng.pick(&LegacyService::ALL);
    let id = ServiceId::parse(format!("srv_{}", legacy.as_str().to_lowercase())).unwrap();
    ServiceSnapshot {
        id: if is_hostile(rng) { service(rng) } else { id },
        code: legacy.as_str().into(),
        legacy: (!is_hostile(rng)).then_some(legacy),
        name: text(rng, value::SERVICE_NAME).into(),
        duration: number(rng, value::DURATION),
        buffer: number(rng, value::BUFFER),
    }
}

const HEADER: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,\
    notes,adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy";

/// An export of the old table. Its first row is sound and its last one is not.
pub(super) fn file(rng: &mut TestRng) -> Vec<u8> {
    let mut file = String::from(HEADER);
    let sound =
        ["old-sound", "홍길동", "2025-12-01", "10:00", "", "2025-11-20 01:02:03.004"].map(str::to_owned);
    push_row(&mut file, rng.below(1_000_000), &sound);
    for _ in 0..20 {
        let number = rng.below(1_000_000);
        let day = date(rng);
        let texts = [
            format!("old-{day}").replace('+', "p"),
            text(rng, value::PATIENT_NAME),
            day.to_string(),
            text(rng, value::REQUESTED_TIME),
            text(rng, value::NOTES),
            moment(rng).format("%Y-%m-%d %H:%M:%S%.f").to_string(),
        ];
        push_row(&mut file, number, &texts);
    }
    push_row(&mut file, rng.below(1_000_000), &sound.map(|text| text.replace("홍길동", "\0")));
    file.into_bytes()
}

fn push_row(file: &mut String, number: u32, [id, name, day, time, notes, moment]: &[String; 6]) {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let (name, time, notes) = (quoted(name), quoted(time), quoted(notes));
    let phone = format!("010-2000-{:04}", number % 10_000);
    write!(
        file,
        "\n{id}-{number},{name},{phone},,1984-02-29 00:00:00,FEMALE,FIRST_VISIT,{day},{time},CONFIRMED,{notes},,\
         {moment},{moment},SKIN_CARE,{moment},desk@clinic.example"
    )
    .unwrap();
}
