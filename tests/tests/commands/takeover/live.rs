//! Changes in the old system between two runs and during a run: each is taken over once, in every column.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use daybook_domain::Status;
use daybook_domain::schedule::SlotAssignment;
use daybook_migration::import::ImportRun;
use daybook_migration::import::{Progress, Reason, Source};
use tokio_postgres::Client;

use super::{Migration, again, reconciling};
use crate::clinic::Process;
use crate::import::{EXPORT, ROWS, silent, taken_over};

/// Changes of one row each, covering every column that may change. The old system sets `updatedAt` on its own changes.
/// A manual change does not set it, and most of these changes are manual.
const CHANGES: [&str; 10] = [
    r#"status = 'CANCELLED', "statusChangedAt" = '2026-11-20 00:30:00.5', "statusChangedBy" = 'night', "updatedAt" = '2026-11-20 00:30:00.5'"#,
    r#""preferredTime" = '오후 4시'"#,
    r#""preferredTime" = '2시쯤'"#,
    r#"service = CASE service WHEN 'BODY_CARE' THEN 'SKIN_CARE' ELSE 'BODY_CARE' END::"ServiceType""#,
    r#"notes = '휠체어 이용'"#,
    r#""adminNotes" = '', email = 'new@example.com'"#,
    r#"phone = '010-9999-0001'"#,
    r#""patientName" = "patientName" || '2', "birthDate" = "birthDate" - interval '1 day'"#,
    r#"gender = CASE gender WHEN 'MALE' THEN 'FEMALE' ELSE 'MALE' END::"Gender""#,
    r#""updatedAt" = '2026-11-20 00:30:07'"#,
];

const NEW_ROW: &str = r#"INSERT INTO reservations
    SELECT gen_random_uuid()::text, '새 환자', '010-9999-0002', NULL, '1990-01-02', 'FEMALE', 'FIRST_VISIT',
           '2026-12-03', '10:30', 'PENDING', NULL, NULL, '2026-11-20 00:30:08', '2026-11-20 00:30:08', 'SKIN_CARE',
           '2026-11-20 00:30:08', NULL"#;

/// Asserts that the log holds every row of the old system in its current state.
async fn holds_the_old_system(client: &Client, process: &Process) {
    let rows = taken_over(process).await;
    let sql = r#"SELECT id, status::text, service::text, "preferredTime", "patientName", phone, email, notes, "adminNotes",
                        gender::text, "birthDate"::date, "updatedAt" FROM reservations"#;
    let old = client.query(sql, &[]).await.unwrap();
    assert!(old.len() as u64 >= ROWS);
    for old in old {
        let (row, details) = &rows[old.get::<_, &str>(0)];
        let details = details.as_ref().unwrap();
        let wish = row.wish.as_deref().or(details.unread_wish.as_deref());
        let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let id = row.reservation.as_str();
        assert_eq!(
            [row.status.as_str(), row.service.code.as_ref()],
            [old.get::<_, &str>(1), old.get(2)],
            "{id}"
        );
        assert_eq!(wish, Some(old.get(3)), "{id}");
        assert_eq!([&*details.patient_name, &*details.phone], [old.get::<_, &str>(4), old.get(5)], "{id}");
        assert_eq!(details.email.as_deref(), filled(old.get(6)).as_deref(), "{id}");
        assert_eq!(details.notes.as_deref(), filled(old.get(7)).as_deref(), "{id}");
        assert_eq!(details.admin_note.as_deref(), filled(old.get(8)).as_deref(), "{id}");
        assert_eq!((details.gender.as_str(), details.birth_date), (old.get(9), old.get(10)), "{id}");
        assert_eq!(row.updated_at.naive_utc(), old.get::<_, NaiveDateTime>(11), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_appends_exactly_what_changed_and_a_third_nothing() {
    let migration = Migration::begun().await;
    let ids = migration.ids("true").await;
    let mut changed = Vec::new();
    for (change, id) in CHANGES.iter().zip(&ids) {
        changed
            .extend(migration.change(&format!("UPDATE reservations SET {change} WHERE id = '{id}'")).await);
    }
    let new = migration.change(NEW_ROW).await;
    let (report, appended) = migration.appended(&ImportRun::default()).await;
    let mut expected = again(&changed);
    expected.push(("ReservationImported".to_owned(), new[0].clone()));
    expected.sort();
    assert_eq!(appended, expected);
    let (changes, all) = (CHANGES.len() as u64, ROWS + 1);
    assert_eq!((report.read, report.imported, report.updated), (all, 1, changes));
    assert_eq!((report.already_there, report.rejected, report.conflicts), (ROWS - changes, 0, 0));
    holds_the_old_system(&migration.client, &migration.process).await;
    let (third, appended) = migration.appended(&reconciling()).await;
    assert_eq!((third.already_there, appended), (all, vec![]));
    let account = third.reconciliation.unwrap();
    assert!(account.is_clean() && account.equal == all, "{account:?}");
    let booking = migration.booking(&ids[0]).await;
    assert_eq!((booking.status, booking.version), (Status::Cancelled, 2));
    assert!(migration.booking(&ids[1]).await.placement.start().is_some());
    assert!(matches!(migration.booking(&ids[2]).await.placement, SlotAssignment::Review(_)));
    let phone = daybook_domain::phone::Phone::parse("010-9999-0001").unwrap();
    assert_eq!(migration.booking(&ids[6]).await.subject, migration.process.commands.subject(&phone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_since_a_time_reads_no_more_than_has_changed_since_and_says_what_to_give_the_next() {
    let migration = Migration::begun().await;
    let id = migration.ids("true").await[0].clone();
    let latest = "2026-11-20T00:30:00.5Z".parse::<DateTime<Utc>>().unwrap();
    migration.change(&format!("UPDATE reservations SET {} WHERE id = '{id}'", CHANGES[0])).await;
    let since = ImportRun { since: Some(latest), ..ImportRun::default() };
    let (report, appended) = migration.appended(&since).await;
    assert_eq!((report.read, report.updated, report.passed_over), (1, 1, 0));
    assert_eq!(appended, again(&[id]));
    let next = report.next_since.unwrap();
    assert!(next < latest && latest - next < TimeDelta::hours(1), "{next}");
    let nothing = ImportRun { since: Some(latest + TimeDelta::milliseconds(1)), ..ImportRun::default() };
    let report = migration.run(&nothing).await;
    assert_eq!((report.read, report.next_since), (0, nothing.since));
    // An export is filtered while it is read, and the report counts the skipped rows.
    let earliest: NaiveDateTime =
        migration.client.query_one(r#"SELECT min("updatedAt") FROM reservations"#, &[]).await.unwrap().get(0);
    let since =
        ImportRun { since: Some(earliest.and_utc() + TimeDelta::milliseconds(1)), ..ImportRun::default() };
    let (_clinic, process) = crate::clinic::Clinic::set_up().await;
    let report = since.run(&process.commands, Source::csv(EXPORT.as_bytes()), &silent).await.unwrap();
    assert_eq!((report.read, report.imported, report.passed_over), (ROWS - 1, ROWS - 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_export_does_not_undo_what_was_taken_over_from_the_live_system() {
    let migration = Migration::begun().await;
    let id = migration.ids("true").await[0].clone();
    migration.change(&format!("UPDATE reservations SET {} WHERE id = '{id}'", CHANGES[0])).await;
    migration.run(&ImportRun::default()).await;
    let report = ImportRun::default()
        .run(&migration.process.commands, Source::csv(EXPORT.as_bytes()), &silent)
        .await
        .unwrap();
    assert_eq!((report.updated, report.already_there, report.rejected), (0, ROWS - 1, 1));
    assert_eq!(report.rejects[0].reason, Reason::OlderThanTaken);
    assert_eq!(migration.booking(&id).await.status, Status::Cancelled);
}

/// Changes rows of the old system as fast as possible until it is stopped, and then makes one more change.
async fn write(client: Client, stop: Arc<AtomicBool>) -> u32 {
    let mut round = 0;
    loop {
        let is_last = stop.load(Ordering::SeqCst);
        let sql = format!(
            r#"UPDATE reservations SET notes = 'round {round}', "updatedAt" = now() AT TIME ZONE 'UTC',
                      status = (enum_range(NULL::"ReservationStatus"))[1 + {round} % 6]
               WHERE id IN (SELECT id FROM reservations ORDER BY id OFFSET {} LIMIT 7)"#,
            round * 7 % ROWS as u32
        );
        client.batch_execute(&sql).await.unwrap();
        client.batch_execute(NEW_ROW).await.unwrap();
        round += 1;
        if is_last {
            return round;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_system_that_is_written_to_during_runs_is_caught_up_with_in_the_end() {
    let migration = Migration::begun().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write(migration.old.connect().await.unwrap(), stop.clone()));
    let mut updated = 0;
    for _ in 0..4 {
        updated += migration.run(&ImportRun::default()).await.updated;
    }
    stop.store(true, Ordering::SeqCst);
    let rounds = writer.await.unwrap();
    assert!(updated > 0 && rounds > 1, "{updated} rows in {rounds} rounds");
    let last = migration.run(&reconciling()).await;
    assert_eq!((last.conflicts, last.rejected), (0, 0));
    let account = last.reconciliation.unwrap();
    assert!(account.is_clean(), "{account:?}");
    assert_eq!(account.source_rows, ROWS + u64::from(rounds));
    holds_the_old_system(&migration.client, &migration.process).await;
    assert_eq!(migration.appended(&ImportRun::default()).await.1, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_take_every_change_over_once() {
    let migration = Migration::begun().await;
    let changed = migration.change(r#"UPDATE reservations SET notes = 'all', "updatedAt" = now()"#).await;
    let other = migration.clinic.process().await;
    let before = migration.process.all_events().await.len();
    let takeover = ImportRun::default();
    let theirs = takeover.run(&other.commands, Source::postgres(migration.old.config()), &silent);
    let (ours, theirs) = tokio::join!(migration.run(&takeover), theirs);
    assert_eq!(ours.updated + theirs.unwrap().updated, ROWS);
    assert_eq!((migration.process.all_events().await.len() - before) as u64, changed.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_broken_off_is_finished_by_the_next() {
    let migration = Migration::begun().await;
    let rows = r#"INSERT INTO reservations SELECT 'more-' || n, '새 환자', '010-9999-' || lpad((n % 50)::text, 4, '0'), NULL,
        '1990-01-02', 'FEMALE', 'FIRST_VISIT', date '2026-12-03' + n % 20, '10:30', 'PENDING', NULL, NULL, now(), now(),
        'SKIN_CARE', now(), NULL FROM generate_series(1, 5000) AS n"#;
    let all = migration.change(rows).await.len() as u64 + ROWS;
    migration.change("UPDATE reservations SET notes = 'changed' WHERE id NOT LIKE 'more-%'").await;
    let other = migration.clinic.process().await;
    let (reached, mut is_reached) = tokio::sync::watch::channel(false);
    let takeover = ImportRun::default();
    let progress = |_: Progress| {
        reached.send_replace(true);
    };
    tokio::select! {
        report = takeover.run(&other.commands, Source::postgres(migration.old.config()), &progress) => panic!("{report:?}"),
        reached = is_reached.wait_for(|reached| *reached) => drop(reached.unwrap()),
    }
    let report = migration.run(&reconciling()).await;
    assert!(report.imported > 0 && report.already_there > 0, "{report:?}");
    assert!(report.reconciliation.as_ref().unwrap().is_clean(), "{report:?}");
    assert_eq!(taken_over(&migration.process).await.len() as u64, all);
    assert_eq!(migration.appended(&ImportRun::default()).await.1, vec![]);
}
