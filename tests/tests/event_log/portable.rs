//! A history moves between logs as a file, and its events, IDs, revisions, order and bytes stay the same.

use std::io::Cursor;

use anyhow::Result;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::ReservationConfirmed;
use daybook_domain::{Actor, Event, ReadModel, ReservationId};
use daybook_event_log::portable::{self, ImportError, Imported, Progress};
use daybook_event_log::{
    EventId, EventLog, EventType, Expected, Metadata, NewEvent, Position, RecordedEvent, codec, encode,
};
use daybook_tests::clinic::{Clinic, desk, request};
use daybook_tests::process::{Installation, LogKind};
use nix::sys::signal::Signal;
use uuid::Uuid;

use super::adapters;
use super::sample::*;

fn ignore(_: Progress) {}

async fn exported(log: &dyn EventLog) -> Vec<u8> {
    let mut file = Vec::new();
    within(portable::export(log, &mut file, &ignore)).await.unwrap();
    file
}

async fn import(log: &dyn EventLog, file: &[u8]) -> Result<Imported, ImportError> {
    let verified = portable::verify(Cursor::new(file), &ignore).await?;
    within(verified.import(log, &ignore)).await
}

fn confirmed(number: u128) -> NewEvent {
    let reservation = ReservationId::parse(Uuid::from_u128(number).to_string()).unwrap();
    let event = Event::Schedule(ScheduleEvent::ReservationConfirmed(ReservationConfirmed { reservation }));
    let metadata =
        Metadata::new(Actor::named("desk@clinic.example"), "2026-11-20T01:00:00Z".parse().unwrap());
    encode(EventId(Uuid::new_v4()), &event, &metadata)
}

/// Creates about four hundred events: the initial setup of a clinic, bookings with sealed details, and changes. The
/// changes are single-event appends to several pages and large appends to one page.
async fn lived_through() -> Clinic {
    let clinic = Clinic::without_views().await.unwrap();
    for patient in 0..24 {
        let date = ["2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04"][patient as usize % 4];
        let wanted = request(patient, "srv_skin_care", date, "전화 주세요", ReadModel::Legacy);
        clinic.commands.request(wanted, desk()).await.unwrap();
    }
    for number in 0..200 {
        append(&*clinic.log, &page(40 + number % 7), &[confirmed(u128::from(number))]).await;
    }
    for many in [100, 60] {
        let events: Vec<NewEvent> = (0..many).map(confirmed).collect();
        append(&*clinic.log, &page(50), &events).await;
    }
    clinic
}

/// Removes the positions of events, because positions differ between logs.
fn without_positions(events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    events.into_iter().map(|event| RecordedEvent { position: Position::START, ..event }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_the_same_in_every_log_it_is_moved_to() {
    let clinic = lived_through().await;
    let file = exported(&*clinic.log).await;
    let history = read_all(&*clinic.log).await;
    assert!(history.len() > 350, "{} events", history.len());
    let (eventstore, postgres) = (adapters::eventstore().await, adapters::postgres().await);
    let mut source = file.clone();
    for log in [eventstore.log(), postgres.log()] {
        let imported = import(&*log, &source).await.unwrap();
        assert_eq!(imported.position, log.head().await.unwrap());
        assert_eq!((imported.appended, imported.already_there), (history.len() as u64, 0));
        source = exported(&*log).await;
        assert!(source == file, "the files differ");
        let moved = read_all(&*log).await;
        assert_in_order(&moved);
        assert_eq!(without_positions(moved), without_positions(history.clone()));
    }
}

/// Returns damaged copies of a file, each with a word of its expected error message.
fn spoiled(file: &str) -> Vec<(String, &'static str)> {
    let lines: Vec<&str> = file.split_inclusive('\n').collect();
    let (last, middle) = (lines.len() - 1, lines.len() / 2);
    let without = |left_out: usize| {
        let rest = lines.iter().enumerate().filter(|(number, _)| *number != left_out);
        rest.map(|(_, line)| *line).collect::<String>()
    };
    let other_byte = file.replacen("desk@clinic", "dusk@clinic", 1);
    assert_ne!(other_byte, file);
    let swapped = [&lines[..middle], &[lines[middle + 1], lines[middle]], &lines[middle + 2..]].concat();
    vec![
        (file[..file.len() / 2].to_owned(), "cut short"),
        (without(last), "cut short"),
        (file.trim_end().to_owned(), "cut short"),
        (format!("{file}{}", lines[last]), "changed"),
        (other_byte, "changed"),
        (without(middle), "changed"),
        (swapped.concat(), "changed"),
        (without(0), "not an export"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_file_that_is_not_as_it_was_written_nothing_is_appended() {
    let clinic = lived_through().await;
    let file = String::from_utf8(exported(&*clinic.log).await).unwrap();
    let opened = adapters::postgres().await;
    for (spoiled, words) in spoiled(&file) {
        let refused = import(&*opened.log(), spoiled.as_bytes()).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{words}: {refused}");
    }
    assert_eq!(opened.log().head().await.unwrap(), Position::START);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_of_a_type_that_this_release_does_not_know_is_imported_as_it_is() {
    let (from, to) = (adapters::eventstore().await, adapters::postgres().await);
    append(&*from.log(), &page(0), &[confirmed(1)]).await;
    append(&*from.log(), &page(0), &[event()]).await;
    let file = exported(&*from.log()).await;
    import(&*to.log(), &file).await.unwrap();
    let kinds: Vec<String> =
        read_all(&*to.log()).await.iter().map(|one| one.event_type.to_string()).collect();
    assert_eq!(kinds[1], HAPPENED.as_str(), "{kinds:?}");
    assert_eq!(exported(&*to.log()).await, file);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_holds_something_else_is_left_alone() {
    let clinic = lived_through().await;
    let file = exported(&*clinic.log).await;
    for opened in [adapters::postgres().await, adapters::eventstore().await] {
        let log = opened.log();
        append(&*log, &page(0), &[confirmed(1)]).await;
        let before = read_all(&*log).await;
        let refused = import(&*log, &file).await.unwrap_err();
        let there = before[0].position;
        assert!(
            matches!(refused, ImportError::OtherHistory { position, line: 2 } if position == there),
            "{refused}"
        );
        assert_eq!(read_all(&*log).await, before);
    }
}

/// Copies the first events of a log into another, one by one.
async fn append_first(history: &[RecordedEvent], count: usize, log: &dyn EventLog) {
    for recorded in &history[..count] {
        let kinds = codec::EVENT_TYPES.iter().map(|known| known.event_type);
        let kind: EventType = kinds.into_iter().find(|kind| kind.as_str() == &*recorded.event_type).unwrap();
        let (id, payload, metadata) = (recorded.id, recorded.payload.clone(), recorded.metadata.clone());
        let before = recorded.revision.get().checked_sub(1).map(revision);
        let event = NewEvent { id, event_type: kind, payload, metadata };
        log.append(&recorded.stream, Expected::after(before), vec![event]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_was_broken_off_goes_on_where_it_stopped() {
    const STOPPED_AFTER: usize = 270;
    let clinic = lived_through().await;
    let (file, history) = (exported(&*clinic.log).await, read_all(&*clinic.log).await);
    let rest = (history.len() - STOPPED_AFTER) as u64;
    for opened in [adapters::postgres().await, adapters::eventstore().await] {
        let log = opened.log();
        append_first(&history, STOPPED_AFTER, &*log).await;
        let imported = import(&*log, &file).await.unwrap();
        assert_eq!((imported.already_there, imported.appended), (STOPPED_AFTER as u64, rest));
        assert!(exported(&*log).await == file, "the files differ");
        let again = import(&*log, &file).await.unwrap();
        assert_eq!((again.appended, again.position), (0, imported.position));
        append(&*log, &page(0), &[confirmed(1)]).await;
        let refused = import(&*log, &file).await.unwrap_err();
        let head = log.head().await.unwrap();
        assert!(matches!(refused, ImportError::GoneOn { position } if position == head), "{refused}");
    }
}

/// Runs the program: exports from a log in PostgreSQL and imports into EventStoreDB.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_moves_a_log_and_asks_before_it_replaces_anything() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, copy) = (path("log.jsonl"), path("copy.jsonl"));
    let clinic = Installation::open().await?;
    let mut service = clinic.serve().await?;
    let exported = clinic.run(&["events", "export", &file, "--json"]).await?.json()?;
    service.signal(Signal::SIGTERM)?;
    service.wait_for_exit().await?;
    let refused = clinic.run(&["events", "export", &file]).await?;
    assert!(refused.code == Some(2) && refused.stderr.contains("--force"), "{refused:?}");
    let printed = clinic.run(&["events", "export", "-"]).await?;
    assert_eq!(printed.stdout, std::fs::read_to_string(&file)?);
    drop(clinic);

    let clinic = Installation::open_on(LogKind::EventStoreDb).await?;
    let unconfirmed = clinic.run(&["events", "import", &file]).await?;
    assert!(unconfirmed.code == Some(2) && unconfirmed.stderr.contains("--yes"), "{unconfirmed:?}");
    let imported = clinic.run(&["events", "import", &file, "--yes", "--json"]).await?.json()?;
    assert_eq!((&imported["appended"], &imported["sha256"]), (&exported["events"], &exported["sha256"]));
    clinic.run(&["events", "export", &copy, "--json"]).await?.json()?;
    assert!(std::fs::read(&copy)? == std::fs::read(&file)?, "the files differ");
    let mut service = clinic.serve().await?;
    service.signal(Signal::SIGTERM)?;
    assert_eq!(service.wait_for_exit().await?.code(), Some(0));
    std::fs::write(&copy, "patient_name,phone\n")?;
    let refused = clinic.run(&["events", "import", &copy, "--yes"]).await?;
    assert!(refused.code == Some(1) && refused.stderr.contains("not an export"), "{refused:?}");
    Ok(())
}
