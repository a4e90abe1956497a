//! Rows of the old system that are taken over in the middle of a history, as an import beside the running clinic does; many
//! of them again, since the old system has changed them.
//!
//! They go through the real import; nothing here writes an event.

use std::io::Cursor;

use chrono::NaiveDate;
use daybook_commands::ReservationChange;
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::{LegacyService, Period, ReadModel, ReservationId, Status};
use daybook_migration::import::ImportRun;
use daybook_migration::import::{Rules, Source};
use daybook_tests::clinic::{Clinic, desk};

use super::{DATES, Dice, STARTS, WISHES, phone};

/// Rows of one export.
const ROWS: u32 = 4;

/// Ids that the old system has given: few enough for exports to repeat some.
const OLD_IDS: u32 = 40;

/// The days of its rows.
const OLD_DATES: [&str; 3] = [DATES[0], DATES[1], "2025-03-28"];

/// Rules of the clinic's own: for a text that the grammar cannot read, and against what it reads in two others.
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

const HEADER: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,\
    notes,adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy";

/// Imports some rows. Gives their pages and ids; some may have been there before.
pub(super) async fn take_over(clinic: &Clinic, dice: &mut Dice) -> Vec<(NaiveDate, ReservationId)> {
    let rows: Vec<OldRow> = (0..ROWS).map(|_| OldRow::any(dice)).collect();
    let lines: Vec<&str> = std::iter::once(HEADER).chain(rows.iter().map(|row| row.line.as_str())).collect();
    let export = Cursor::new(lines.join("\n").into_bytes());
    let rules = Rules::parse(RULES).unwrap();
    let takeover = ImportRun { old_wins: dice.roll(3) == 0, rules, ..ImportRun::default() };
    let report = takeover.run(&clinic.commands, Source::csv(export), &|_| {}).await.unwrap();
    assert_eq!(report.read, u64::from(ROWS));
    for row in &rows {
        if dice.roll(3) == 0 {
            // Many are refused: who is over is not moved, and what was understood is not read.
            let _ = clinic.commands.change(row.date, row.id.clone(), None, placed(dice), desk()).await;
        }
    }
    rows.into_iter().map(|row| (row.date, row.id)).collect()
}

/// A place in the day that somebody decides on, which later rows of the same wish have to leave.
fn placed(dice: &mut Dice) -> ReservationChange {
    let start = dice.pick(&STARTS).parse().unwrap();
    match dice.roll(3) {
        0 => ReservationChange::ReadWish(ReviewedTime::Period(
            *dice.pick(&[Period::Morning, Period::Afternoon]),
        )),
        1 => ReservationChange::ReadWish(ReviewedTime::At(start)),
        _ => ReservationChange::Reschedule { start, judge: *dice.pick(&ReadModel::ALL) },
    }
}

struct OldRow {
    date: NaiveDate,
    id: ReservationId,
    line: String,
}

impl OldRow {
    fn any(dice: &mut Dice) -> Self {
        let number = dice.roll(OLD_IDS);
        // A row stays on its day: what the old system moves to another one is not taken over.
        let date = OLD_DATES[number as usize % OLD_DATES.len()];
        // And mostly it says the same about its time.
        let wish = match dice.roll(4) {
            0 => *dice.pick(&WISHES),
            _ => WISHES[number as usize % WISHES.len()],
        };
        let phone = phone(dice);
        let (status, service) = (dice.pick(&Status::ALL), dice.pick(&LegacyService::ALL));
        let (second, millis) = (dice.roll(60), dice.roll(1000));
        let note = *dice.pick(&["", "전화 확인 완료"]);
        let changed_by = *dice.pick(&["", "admin@clinic.example"]);
        let line = format!(
            "old-{number},홍길순,{phone},,1963-04-30 00:00:00,FEMALE,FOLLOW_UP,{date},{wish},{status},,{note},\
             2025-03-04 02:15:{second:02}.{millis:03},2025-03-06 06:45:{second:02}.{millis:03},{service},\
             2025-03-05 06:45:{second:02}.{millis:03},{changed_by}"
        );
        let id = ReservationId::parse(format!("old-{number}")).unwrap();
        Self { date: date.parse().unwrap(), id, line }
    }
}
