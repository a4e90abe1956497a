//! Rows of the old system that are imported in the middle of a history, while the clinic is running. Many are imported
//! again, because the old system has changed them.
//!
//! They use the real import; nothing here writes an event.

use std::io::Cursor;

use chrono::NaiveDate;
use daybook_commands::ReservationChange;
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::{LegacyService, Period, ReservationId, RuleSet, Status};
use daybook_migration::import::ImportRun;
use daybook_migration::import::{Rules, Source};
use daybook_tests::clinic::{Clinic, desk};

use super::{DATES, STARTS, TestRng, WISHES, phone};

/// Rows per export.
const ROWS: u32 = 4;

/// Ids of the old system, few enough that exports repeat some.
const OLD_IDS: u32 = 40;

/// The days of its rows.
const OLD_DATES: [&str; 3] = [DATES[0], DATES[1], "2025-03-28"];

/// Statuses of its rows. Most are open, because only an open reservation gets another time.
const STATUSES: [Status; 12] = {
    use Status::{Cancelled, Completed, Confirmed, NoShow, Pending, Rejected};
    [
        Pending, Confirmed, Cancelled, Completed, NoShow, Rejected, Pending, Confirmed, Pending, Confirmed,
        Pending, Confirmed,
    ]
};

/// Rules of the clinic: one for a text that the grammar cannot parse, and two that override the grammar.
const RULES: &str = r#"
[[rule]]
name = "call"
text = "전화 주세요"
means = "06:30"
[[rule]]
name = "evening"
text = "10:40"
means = "AFTERNOON"
before = true
[[rule]]
name = "ask"
text = "오전 10시"
means = "REVIEW"
before = true
"#;

/// The header of an export.
pub(crate) const HEADER: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,\
    notes,adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy";

/// Imports some rows. Returns their days and ids; some may have existed before.
pub(super) async fn import_rows(clinic: &Clinic, rng: &mut TestRng) -> Vec<(NaiveDate, ReservationId)> {
    let rows: Vec<OldRow> = (0..ROWS).map(|_| OldRow::random(rng)).collect();
    let lines: Vec<&str> = std::iter::once(HEADER).chain(rows.iter().map(|row| row.line.as_str())).collect();
    let export = Cursor::new(lines.join("\n").into_bytes());
    let rules = Rules::parse(RULES).unwrap();
    let takeover = ImportRun { old_wins: rng.below(3) == 0, rules, ..ImportRun::default() };
    let report = takeover.run(&clinic.commands, Source::csv(export), &|_| {}).await.unwrap();
    assert_eq!(report.read, u64::from(ROWS));
    for row in &rows {
        if rng.below(2) == 0 {
            // Many are rejected: finished reservations are not moved, and parsed times are not reviewed.
            let _ = clinic.commands.change(row.date, row.id.clone(), None, decided_slot(rng), desk()).await;
        }
    }
    rows.into_iter().map(|row| (row.date, row.id)).collect()
}

/// A slot that staff decide. Later rows with the same requested time must not change it.
fn decided_slot(rng: &mut TestRng) -> ReservationChange {
    let start = rng.pick(&STARTS).parse().unwrap();
    match rng.below(5) {
        0 => ReservationChange::ReviewTime(ReviewedTime::Period(
            *rng.pick(&[Period::Morning, Period::Afternoon]),
        )),
        1 => ReservationChange::ReviewTime(ReviewedTime::At(start)),
        _ => ReservationChange::Reschedule { start, rules: *rng.pick(&RuleSet::ALL) },
    }
}

struct OldRow {
    date: NaiveDate,
    id: ReservationId,
    line: String,
}

impl OldRow {
    fn random(rng: &mut TestRng) -> Self {
        let number = rng.below(OLD_IDS);
        // A row mostly stays on its day.
        let date = match rng.below(4) {
            0 => *rng.pick(&OLD_DATES),
            _ => OLD_DATES[number as usize % OLD_DATES.len()],
        };
        // The requested time mostly stays the same.
        let wish = match rng.below(4) {
            0 => *rng.pick(&WISHES),
            _ => WISHES[number as usize % WISHES.len()],
        };
        let phone = phone(rng);
        let (status, service) = (rng.pick(&STATUSES), rng.pick(&LegacyService::ALL));
        let (second, millis) = (rng.below(60), rng.below(1000));
        let note = *rng.pick(&["", "전화 확인 완료"]);
        let changed_by = *rng.pick(&["", "admin@clinic.example"]);
        let line = format!(
            "old-{number},홍길순,{phone},,1963-04-30 00:00:00,FEMALE,FOLLOW_UP,{date},{wish},{status},,{note},\
             2025-03-04 02:15:{second:02}.{millis:03},2025-03-06 06:45:{second:02}.{millis:03},{service},\
             2025-03-05 06:45:{second:02}.{millis:03},{changed_by}"
        );
        let id = ReservationId::parse(format!("old-{number}")).unwrap();
        Self { date: date.parse().unwrap(), id, line }
    }
}
