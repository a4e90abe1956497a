//! A reservation that moves to another day is in both views once, at every moment, live and rebuilt.

use std::io::Cursor;

use chrono::NaiveDate;
use daybook_domain::schedule::event::{ReservationImported, ReservationMoved};
use daybook_domain::schedule::{ScheduleCommand, ScheduleEvent};
use daybook_domain::{Event, ReadModel};
use daybook_event_log::{Filter, Position, decode};
use daybook_migration::import::{ImportReport, ImportRun, Source};
use daybook_projections::audit::Repair;
use daybook_tests::clinic::{Clinic, desk};
use futures_util::TryStreamExt;

use crate::history::old_rows::HEADER;
use crate::history::{contents, live};

const DAYS: [&str; 2] = ["2026-12-10", "2026-12-08"];

async fn import(clinic: &Clinic, date: &str, time: &str) -> ImportReport {
    let row = format!(
        "old-1,홍길순,010-5550-0001,,1963-04-30 00:00:00,FEMALE,FOLLOW_UP,{date},{time},CONFIRMED,,,2025-03-04 02:15:00,\
         2025-03-06 06:45:00,SKIN_CARE,2025-03-05 06:45:00,"
    );
    let source = Source::csv(Cursor::new(format!("{HEADER}\n{row}\n").into_bytes()));
    ImportRun::default().run(&clinic.commands, source, &|_| {}).await.unwrap()
}

async fn last_row(clinic: &Clinic) -> ReservationImported {
    let events = clinic.log.read_all(Position::START, &Filter::all()).await.unwrap();
    let events: Vec<_> = events.try_collect().await.unwrap();
    let row = |event| {
        let Event::Schedule(ScheduleEvent::ReservationMovedIn(moved)) = decode(event).unwrap().0 else {
            return None;
        };
        Some(moved.row)
    };
    events.iter().rev().find_map(row).unwrap()
}

/// Both views show the reservation once, on this day and in this version, as their rebuilds would.
async fn is_once_on(clinic: &Clinic, date: &str, version: i32) {
    clinic.wait_for_views().await.unwrap();
    let database = clinic.database.connect().await.unwrap();
    for model in ReadModel::ALL {
        let generation = live(clinic, model).await;
        let sql = format!(r#"SELECT "preferredDate"::text, version FROM {generation}.reservations"#);
        let rows = database.query(&sql, &[]).await.unwrap();
        let rows: Vec<(String, i32)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(rows, [(date.to_owned(), version)], "{model}");
    }
    for audit in clinic.auditor().audit(None, &|_| {}).await.unwrap() {
        assert!(audit.agrees(), "{audit:?}");
    }
    for model in ReadModel::ALL {
        let generation = live(clinic, model).await;
        let before = contents(clinic, generation).await;
        for day in DAYS {
            let day: NaiveDate = day.parse().unwrap();
            let repaired = clinic.auditor().repair(generation, &Repair::Day(day)).await.unwrap();
            assert_eq!((repaired.written, repaired.removed), (0, 0), "{repaired:?}");
        }
        clinic.rebuild().run(&[model], &|_| {}).await.unwrap();
        assert_eq!(contents(clinic, live(clinic, model).await).await, before, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_reservation_is_seen_once_before_during_and_after_its_move() {
    let clinic = Clinic::open().await.unwrap();
    let [first, second] = DAYS;
    import(&clinic, first, "10:00").await;
    is_once_on(&clinic, first, 1).await;
    assert_eq!(import(&clinic, second, "10:30").await.moved, 1);
    is_once_on(&clinic, second, 2).await;
    // A move that stops between its two days.
    let moved_from = second.parse().unwrap();
    let row = ReservationImported { date: first.parse().unwrap(), ..last_row(&clinic).await };
    let leave = ScheduleCommand::MoveOut { row: row.clone(), expected_version: 2 };
    clinic.commands.execute_one(moved_from, leave, desk()).await.unwrap();
    is_once_on(&clinic, second, 2).await;
    let arrive = ScheduleCommand::MoveIn(ReservationMoved { row, moved_from, version: 3 });
    clinic.commands.execute_one(first.parse().unwrap(), arrive, desk()).await.unwrap();
    is_once_on(&clinic, first, 3).await;
}
