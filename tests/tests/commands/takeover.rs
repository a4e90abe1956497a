//! Taking over an old system that is still in use: repeated runs, and the final account.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "takeover/account.rs"]
mod account;
#[path = "takeover/conflicts.rs"]
mod conflicts;
#[path = "takeover/forgotten.rs"]
mod forgotten;
#[path = "takeover/future_rows.rs"]
mod future_rows;
#[path = "takeover/live.rs"]
mod live;
#[path = "takeover/moves.rs"]
mod moves;
#[path = "takeover/outside_ranges.rs"]
mod outside_ranges;
#[path = "takeover/own_rules.rs"]
mod own_rules;
#[path = "takeover/resolutions.rs"]
mod resolutions;
#[path = "takeover/unreadable.rs"]
mod unreadable;

use daybook_domain::schedule::{Booking, ScheduleEvent};
use daybook_domain::{Event, ReservationId};
use daybook_event_log::codec::event_type_of;
use daybook_migration::import::Source;
use daybook_migration::import::{ImportReport, ImportRun};
use daybook_tests::postgres::TestDatabase;
use tokio_postgres::Client;

use crate::clinic::{Clinic, Process};
use crate::import::{old_database, silent};

/// An old system with the rows of the export, and a clinic after its first takeover run.
struct Migration {
    old: TestDatabase,
    client: Client,
    /// Keeps the clinic's database alive.
    clinic: Clinic,
    process: Process,
}

impl Migration {
    async fn begun() -> Self {
        Self::begun_from(old_database().await).await
    }

    async fn begun_from(old: TestDatabase) -> Self {
        let client = old.connect().await.unwrap();
        let (clinic, process) = Clinic::set_up().await;
        let migration = Self { old, client, clinic, process };
        let first = migration.run(&ImportRun::default()).await;
        assert_eq!((first.imported, first.rejected), (crate::import::ROWS, 0));
        migration
    }

    async fn run(&self, takeover: &ImportRun) -> ImportReport {
        takeover.run(&self.process.commands, Source::postgres(self.old.config()), &silent).await.unwrap()
    }

    /// Runs the takeover again and returns the appended events by type and reservation. A rehearsal must predict the
    /// same report.
    async fn appended(&self, takeover: &ImportRun) -> (ImportReport, Vec<(String, String)>) {
        let before = self.process.all_events().await.len();
        let reckoned = self.rehearsed(takeover).await;
        assert_eq!(self.process.all_events().await.len(), before, "a rehearsal appends nothing");
        let report = self.run(takeover).await;
        assert_eq!(reckoned, ImportReport { position: None, next_since: takeover.since, ..report.clone() });
        let events = self.process.all_events().await.split_off(before);
        let named = |event: &Event| {
            let Event::Schedule(of_page) = event else { panic!("an import writes on pages alone") };
            (event_type_of(event).as_str().to_owned(), of_page.reservation().unwrap().to_string())
        };
        let mut appended: Vec<(String, String)> = events.iter().map(named).collect();
        appended.sort();
        (report, appended)
    }

    /// The report that a run would have.
    async fn rehearsed(&self, takeover: &ImportRun) -> ImportReport {
        let source = Source::postgres(self.old.config());
        takeover.rehearse(Some(&self.process.commands), source, &silent).await.unwrap()
    }

    /// Changes the old system by hand. Returns the IDs of the changed rows.
    async fn change(&self, sql: &str) -> Vec<String> {
        let rows = self.client.query(&format!("{sql} RETURNING id"), &[]).await.unwrap();
        let mut ids: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        ids.sort();
        ids
    }

    /// Returns the IDs of the rows that match a condition, in order.
    async fn ids(&self, condition: &str) -> Vec<String> {
        let sql = format!("SELECT id FROM reservations WHERE {condition} ORDER BY id");
        self.client.query(&sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Returns a reservation as its page shows it.
    async fn booking(&self, id: &str) -> Booking {
        let date = self.date(id).await;
        let page = self.process.commands.day_schedule(date).await.unwrap();
        page.booking(&ReservationId::parse(id).unwrap()).unwrap().clone()
    }

    async fn date(&self, id: &str) -> chrono::NaiveDate {
        let events = self.process.all_events().await;
        let date = |event: &Event| {
            let Event::Schedule(event) = event else { return None };
            let row = if let ScheduleEvent::ReservationMovedIn(moved) = event {
                &moved.row
            } else if let ScheduleEvent::ReservationImported(row) = event {
                row
            } else {
                return None;
            };
            (row.reservation.as_str() == id).then_some(row.date)
        };
        events.iter().rev().find_map(date).unwrap()
    }
}

fn reconciling() -> ImportRun {
    ImportRun { reconcile: true, ..ImportRun::default() }
}

fn again(ids: &[String]) -> Vec<(String, String)> {
    ids.iter().map(|id| ("ReservationReimported".to_owned(), id.clone())).collect()
}
