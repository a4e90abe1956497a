//! The format of a file, byte for byte, and round trips of histories through files. These tests use the log
//! in memory; the contract tests of the workspace use all adapters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Cursor;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::codec::EVENT_TYPES;
use crate::port::{EventId, EventLog, EventType, Expected, NewEvent, StreamName};
use crate::{AppendError, MemoryLog};

fn ignore(_: Progress) {}

fn event(number: u128, event_type: EventType, payload: &str) -> NewEvent {
    let metadata = format!(r#"{{"schema_version":1,"$correlationId":"{number}"}}"#);
    NewEvent {
        id: EventId(Uuid::from_u128(number)),
        event_type,
        payload: payload.to_owned().into(),
        metadata: metadata.into(),
    }
}

async fn append(log: &MemoryLog, stream: StreamName, new: NewEvent) {
    match log.append(&stream, Expected::NoStream, vec![new.clone()]).await {
        Err(AppendError::RevisionConflict { actual, .. }) => {
            log.append(&stream, Expected::after(actual), vec![new]).await.unwrap();
        }
        appended => drop(appended.unwrap()),
    }
}

async fn exported(log: &MemoryLog) -> Vec<u8> {
    let mut file = Vec::new();
    export(log, &mut file, &ignore).await.unwrap();
    file
}

async fn imported(file: &[u8]) -> Result<MemoryLog, ImportError> {
    let log = MemoryLog::new();
    verify(Cursor::new(file), &ignore).await?.import(&log, &ignore).await?;
    Ok(log)
}

#[tokio::test]
async fn the_format_of_a_file_never_changes() {
    let log = MemoryLog::new();
    let set = EventType::named("ClinicHoursSet");
    append(&log, StreamName::hours(), event(1, set, r#"{"slots": [], "name":"월요일\n"}"#)).await;
    append(&log, StreamName::page("2026-12-01".parse().unwrap()), event(2, set, "1.50")).await;
    let file = String::from_utf8(exported(&log).await).unwrap();
    let before = concat!(
        r#"{"daybook_events":1}"#,
        "\n",
        r#"{"stream":"hours-main","revision":0,"id":"00000000-0000-0000-0000-000000000001","type":"ClinicHoursSet","data":{"slots": [], "name":"월요일\n"},"metadata":{"schema_version":1,"$correlationId":"1"}}"#,
        "\n",
        r#"{"stream":"daybook-2026-12-01","revision":0,"id":"00000000-0000-0000-0000-000000000002","type":"ClinicHoursSet","data":1.50,"metadata":{"schema_version":1,"$correlationId":"2"}}"#,
        "\n",
    );
    let sum = Checksum::of(&Sha256::new().chain_update(before));
    assert_eq!(file, format!("{before}{{\"events\":2,\"sha256\":\"{sum}\"}}\n"));
}

#[tokio::test]
async fn an_empty_log_is_exported_and_imported() {
    let file = exported(&MemoryLog::new()).await;
    let verified = verify(Cursor::new(&file), &ignore).await.unwrap();
    let Summary { events, streams, bytes, .. } = verified.summary().clone();
    assert_eq!((events, streams, bytes), (0, 0, file.len() as u64));
    let imported = verified.import(&MemoryLog::new(), &ignore).await.unwrap();
    assert_eq!((imported.appended, imported.position), (0, crate::Position::START));
}

#[tokio::test]
async fn an_export_up_to_a_position_equals_the_export_made_then() {
    let (log, event_type) = (MemoryLog::new(), EVENT_TYPES[0].event_type);
    append(&log, StreamName::hours(), event(1, event_type, "1")).await;
    append(&log, StreamName::catalog(), event(2, event_type, "2")).await;
    let (then, head) = (exported(&log).await, log.head().await.unwrap());
    append(&log, StreamName::hours(), event(3, event_type, "3")).await;
    let mut file = Vec::new();
    let report = export_until(&log, head, &mut file, &ignore).await.unwrap();
    assert_eq!((report.position, report.summary.events), (head, 2));
    assert!(file == then);
}

#[tokio::test]
async fn a_comparison_finds_where_a_file_and_a_log_differ() {
    let event_type = EVENT_TYPES[0].event_type;
    let log = async |payloads: &[&str]| {
        let log = MemoryLog::new();
        for (number, payload) in (1u128..).zip(payloads) {
            append(&log, StreamName::hours(), event(number, event_type, payload)).await;
        }
        log
    };
    let file = exported(&log(&["1", "2", "3"]).await).await;
    let compare = async |payloads: &[&str]| {
        let log = log(payloads).await;
        let head = log.head().await.unwrap();
        let verified = verify(Cursor::new(&file), &ignore).await.unwrap();
        (verified.compare(&log, &ignore).await.unwrap(), head)
    };
    let (same, head) = compare(&["1", "2", "3"]).await;
    assert_eq!(same, Compared { events: 3, position: head, difference: None });
    let (other, _) = compare(&["1", "9", "3"]).await;
    assert_eq!(other.events, 1);
    assert!(matches!(other.difference, Some(Difference::Other { line: 3, .. })), "{other:?}");
    let (shorter, head) = compare(&["1", "2"]).await;
    assert_eq!((shorter.events, shorter.position), (2, head));
    assert_eq!(shorter.difference, Some(Difference::LogEnds { line: 4 }));
    let (longer, head) = compare(&["1", "2", "3", "4"]).await;
    assert_eq!(longer.difference, Some(Difference::LogGoesOn { position: head }));
}

#[tokio::test]
async fn json_that_would_not_be_restored_byte_for_byte_is_not_exported() {
    for payload in ["{\n}", "{\r\n}", "[1,\n2]"] {
        let log = MemoryLog::new();
        append(&log, StreamName::hours(), event(1, EVENT_TYPES[0].event_type, payload)).await;
        let refused = export(&log, Vec::new(), &ignore).await.unwrap_err();
        assert!(matches!(refused, ExportError::NotOneLine { .. }), "{payload:?}: {refused}");
    }
}

#[tokio::test]
async fn other_files_and_newer_exports_are_refused() {
    let faults = [
        ("", "not an export"),
        ("patient_name,phone\n", "not an export"),
        ("{\"daybook_events\":0}\n", "not an export"),
        ("{\"daybook_events\":2,\"by\":\"zstd\"}\n", "format 2"),
        ("{\"daybook_events\":1}\n", "cut short"),
        ("{\"daybook_events\":1}\n\n", "cut short"),
    ];
    for (file, words) in faults {
        let refused = verify(Cursor::new(file), &ignore).await.unwrap_err();
        assert!(refused.to_string().contains(words), "{file:?}: {refused}");
    }
}

#[tokio::test]
async fn a_line_without_an_end_uses_no_more_memory_than_the_longest_line() {
    let file = format!("{HEADER}\n{}\n", "x".repeat(3 * MAX_LINE_BYTES));
    let refused = verify(Cursor::new(file), &ignore).await.unwrap_err();
    assert!(matches!(refused, FileError::CutShort), "{refused}");
}

/// A complete file with these lines.
fn sealed(lines: &[String]) -> String {
    let before: String = [HEADER.to_owned()].iter().chain(lines).map(|line| format!("{line}\n")).collect();
    let sum = Checksum::of(&Sha256::new().chain_update(&before));
    format!("{before}{{\"events\":{},\"sha256\":\"{sum}\"}}\n", lines.len())
}

fn line(stream: &str, revision: u64, id: u128, event_type: &str) -> String {
    let id = Uuid::from_u128(id);
    format!(
        r#"{{"stream":"{stream}","revision":{revision},"id":"{id}","type":"{event_type}","data":{{}},"metadata":{{}}}}"#
    )
}

#[tokio::test]
async fn the_first_invalid_event_of_a_complete_file_is_named() {
    let (event_type, first) = ("TimeClosed", line("hours-main", 0, 1, "TimeClosed"));
    let large = line("hours-main", 1, 2, event_type)
        .replace(r#""data":{}"#, &format!("\"data\":\"{}\"", "x".repeat(MAX_APPEND_BYTES)));
    let cases = [
        (line("hours-main", 2, 2, event_type), "revision 2, but revision 1 is next"),
        (line("hours-main", 0, 2, event_type), "revision 0, but revision 1 is next"),
        (line("catalog-main", 1, 2, event_type), "revision 1, but revision 0 is next"),
        (line("hours-main", 1, 1, event_type), "has the same id"),
        (line("hours-main", 1, 2, "time bent"), "its event type is not a name"),
        (line("hours-main", 1, 2, event_type).replace("hours", "$stats"), "not a valid event"),
        (line("hours-main", 1, 2, event_type).replace("data", "date"), "not a valid event"),
        (large, "accepts at most"),
    ];
    for (wrong, words) in cases {
        let last = line("hours-main", 9, 9, event_type);
        let file = sealed(&[first.clone(), wrong, last]);
        let FileError::Line { number, fault } = verify(Cursor::new(&file), &ignore).await.unwrap_err() else {
            panic!("{words}: another error");
        };
        assert!(number == 3 && fault.to_string().contains(words), "{words}: line {number}: {fault}");
    }
    assert_eq!(
        exported(&imported(sealed(std::slice::from_ref(&first)).as_bytes()).await.unwrap()).await,
        sealed(&[first]).into_bytes()
    );
}

#[tokio::test]
async fn events_of_one_stream_are_split_into_appends_that_a_log_accepts() {
    const EVENTS: usize = 2 * crate::port::MAX_APPEND_EVENTS + 5;
    let lines: Vec<String> =
        (0..EVENTS).map(|number| line("hours-main", number as u64, number as u128, "TimeClosed")).collect();
    let file = sealed(&lines);
    assert_eq!(exported(&imported(file.as_bytes()).await.unwrap()).await, file.into_bytes());
}

/// Any JSON on one line, with long numbers and inner white space.
fn json() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let number = "-?[1-9][0-9]{0,30}(\\.[0-9]{1,20})?(e-?[0-9]{1,2})?";
    prop_oneof![text, number.prop_map(String::from)]
        .prop_map(|value| format!("{{\"said\" :\t{value}, \"sealed\":[{value}]}}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_is_restored_byte_for_byte(
        history in prop::collection::vec((0_u32..4, 0..EVENT_TYPES.len(), json()), 0..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let log = MemoryLog::new();
            for (number, (stream, event_type, payload)) in history.iter().enumerate() {
                let stream = StreamName::parse(format!("daybook-{stream}")).unwrap();
                append(&log, stream, event(number as u128, EVENT_TYPES[*event_type].event_type, payload)).await;
            }
            let file = exported(&log).await;
            assert_eq!(exported(&imported(&file).await.unwrap()).await, file);
        });
    }

    #[test]
    fn a_file_with_one_other_byte_is_refused(at in any::<prop::sample::Index>(), other in any::<u8>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let log = MemoryLog::new();
            for number in 0..3 {
                append(&log, StreamName::hours(), event(number, EVENT_TYPES[0].event_type, "{}")).await;
            }
            let mut file = exported(&log).await;
            let at = at.index(file.len());
            let is_same = file[at] == other;
            file[at] = other;
            assert_eq!(imported(&file).await.is_ok(), is_same);
        });
    }
}
