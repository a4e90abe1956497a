//! The clinic's own rules for times across runs: better rules read more rows, and they never move a reservation.

use daybook_commands::ReservationChange;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{ReviewedTime, ScheduleEvent, SlotAssignment};
use daybook_domain::time::Period;
use daybook_domain::{Event, ReservationId};
use daybook_migration::import::ImportRun;
use daybook_migration::import::Rules;

use super::{Migration, again};
use crate::clinic::staff;

/// Creates a run whose rules assign this period to every text that the grammar cannot read.
fn all_mean(period: Period) -> ImportRun {
    let rule = format!("[[rule]]\nname = \"all\"\npattern = '.+'\nmeans = \"{}\"", period.as_str());
    ImportRun { rules: Rules::parse(&rule).unwrap(), ..ImportRun::default() }
}

impl Migration {
    /// Returns the IDs of the rows whose time the built-in grammar cannot read.
    async fn unread(&self) -> Vec<String> {
        let mut unread = Vec::new();
        for id in self.ids(r#""preferredTime" <> ''"#).await {
            if matches!(self.booking(&id).await.placement, SlotAssignment::Review(_)) {
                unread.push(id);
            }
        }
        unread
    }

    /// Returns the state of a row at its last takeover in the log.
    async fn last_taken(&self, id: &str) -> ReservationImported {
        let taken = |event: &Event| {
            let Event::Schedule(
                ScheduleEvent::ReservationImported(e) | ScheduleEvent::ReservationReimported(e),
            ) = event
            else {
                return None;
            };
            (e.reservation.as_str() == id).then(|| e.clone())
        };
        self.process.all_events().await.iter().rev().find_map(taken).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn better_rules_bring_up_to_date_what_nothing_read_and_leave_what_was_decided_here() {
    let migration = Migration::begun().await;
    let unread = migration.unread().await;
    let (decided, read) = unread.split_first().unwrap();
    let at = ReservationChange::ReviewTime(ReviewedTime::At("14:30".parse().unwrap()));
    let (date, id) = (migration.date(decided).await, ReservationId::parse(decided.as_str()).unwrap());
    migration.process.commands.change(date, id, None, at, staff()).await.unwrap();
    let (report, appended) = migration.appended(&all_mean(Period::Afternoon)).await;
    assert_eq!((report.updated, report.conflicts, appended), (read.len() as u64, 0, again(read)));
    assert_eq!(report.review_total(), 1, "of an empty text no rule says anything");
    for id in read {
        let taken = migration.last_taken(id).await;
        assert_eq!((taken.placement, taken.wish), (SlotAssignment::Period(Period::Afternoon), None), "{id}");
        assert_eq!(taken.is_placed_here, Some(false), "{id}");
    }
    assert_eq!(migration.booking(decided).await.placement.start().unwrap().to_string(), "14:30");
    // The texts have not changed, so a run without rules or with other rules appends nothing.
    let old_wins = ImportRun { old_wins: true, ..all_mean(Period::Morning) };
    for takeover in [ImportRun::default(), all_mean(Period::Morning), old_wins] {
        let (report, appended) = migration.appended(&takeover).await;
        assert_eq!((report.conflicts, report.review_total(), appended), (0, 1, vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_another_column_moves_nothing_and_a_change_of_the_text_is_read_by_the_rules() {
    let migration = Migration::begun().await;
    let [decided, read, ..] = &migration.unread().await[..] else { panic!("too few texts") };
    let at = ReservationChange::ReviewTime(ReviewedTime::At("14:30".parse().unwrap()));
    let (date, id) = (migration.date(decided).await, ReservationId::parse(decided.as_str()).unwrap());
    migration.process.commands.change(date, id, None, at, staff()).await.unwrap();
    migration.run(&all_mean(Period::Afternoon)).await;
    let changed = migration
        .change(&format!("UPDATE reservations SET notes = 'more' WHERE id IN ('{decided}', '{read}')"))
        .await;
    assert_eq!(migration.appended(&ImportRun::default()).await.1, again(&changed));
    let (of_decided, of_read) = (migration.last_taken(decided).await, migration.last_taken(read).await);
    assert_eq!(
        (of_decided.placement.start().unwrap().to_string(), of_decided.is_placed_here),
        ("14:30".into(), Some(true))
    );
    assert_eq!(
        (of_read.placement, of_read.is_placed_here),
        (SlotAssignment::Period(Period::Afternoon), Some(false))
    );
    let text = r#"UPDATE reservations SET "preferredTime" = '아무 때나'"#;
    let changed = migration.change(&format!("{text} WHERE id = '{read}'")).await;
    assert_eq!(migration.appended(&all_mean(Period::Morning)).await.1, again(&changed));
    let taken = migration.last_taken(read).await;
    assert_eq!((taken.placement, taken.wish), (SlotAssignment::Period(Period::Morning), None));
    // The time of this row was decided here, so a new text is a conflict. A person must settle it.
    migration.change(&format!("{text} WHERE id = '{decided}'")).await;
    let (report, appended) = migration.appended(&all_mean(Period::Morning)).await;
    assert_eq!((report.conflict_list[0].reservation.as_str(), appended), (decided.as_str(), vec![]));
}
