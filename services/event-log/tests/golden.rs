//! Golden files: one stored event for each event type and schema version, kept permanently.
//!
//! A golden file never changes. A new schema version gets a new file next to the old one. The upcaster then converts
//! the old file, and the result must still be the same event.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "golden/events.rs"]
mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::DateTime;
use daybook_domain::{Actor, ReadModel};
use daybook_event_log::codec::{self, EVENT_TYPES, Metadata, SchemaVersion, TraceParent};
use daybook_event_log::{EventId, encode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

/// A stored event: its payload and its metadata.
#[derive(serde::Deserialize)]
struct Golden {
    payload: Box<RawValue>,
    metadata: Box<RawValue>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden(name: &str) -> Golden {
    let path = folder().join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Returns the metadata of all golden files of the first release.
fn metadata() -> Metadata {
    let at = DateTime::from_timestamp_micros(1_796_083_200_123_456).unwrap();
    Metadata {
        correlation_id: Some(Uuid::from_u128(0xc0)),
        causation_id: Some(Uuid::from_u128(0xca)),
        traceparent: TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        read_model: Some(ReadModel::Dynamic),
        ..Metadata::new(Actor::named("kim.desk"), at)
    }
}

#[test]
fn every_golden_file_decodes_to_the_event_it_was_written_from() {
    for event in events::all() {
        let event_type = codec::event_type_of(&event);
        for version in 1..=newest(event_type.as_str()).0 {
            let stored = golden(&format!("{event_type}.v{version}.json"));
            let (stored_version, stored_metadata) =
                codec::decode_metadata(stored.metadata.get().as_bytes()).unwrap();
            let payload = stored.payload.get().as_bytes();
            assert_eq!(
                (stored_version, stored_metadata),
                (SchemaVersion(version), metadata()),
                "{event_type}"
            );
            assert_eq!(
                codec::decode_event(event_type.as_str(), stored_version, payload).unwrap(),
                event,
                "{event_type}"
            );
        }
    }
}

#[test]
fn every_event_encodes_to_its_newest_golden_file() {
    for event in events::all() {
        let new = encode(EventId(Uuid::nil()), &event, &metadata());
        let stored = golden(&format!("{}.v{}.json", new.event_type, newest(new.event_type.as_str()).0));
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        assert_eq!(json(&new.payload), json(stored.payload.get().as_bytes()), "{}", new.event_type);
        assert_eq!(json(&new.metadata), json(stored.metadata.get().as_bytes()), "{}", new.event_type);
    }
}

#[test]
fn every_type_has_a_file_for_every_version_and_no_file_is_left_over() {
    let named = |name: &str, version: u16| format!("{name}.v{version}.json");
    let versions =
        EVENT_TYPES.iter().flat_map(|t| (1..=t.version.0).map(|v| named(t.event_type.as_str(), v)));
    let wanted: BTreeSet<String> = versions.collect();
    let names =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = names.filter(|name| name != "events.rs").collect();
    assert_eq!(found, wanted);
}

#[test]
fn every_type_is_in_the_table_once_and_has_an_event_here() {
    let mut seen = BTreeMap::new();
    for event in events::all() {
        *seen.entry(codec::event_type_of(&event)).or_insert(0) += 1;
    }
    let table: BTreeMap<_, _> = EVENT_TYPES.iter().map(|event_type| (event_type.event_type, 1)).collect();
    assert_eq!(seen, table);
    assert_eq!(table.len(), EVENT_TYPES.len(), "a name stands twice in the table");
}

#[test]
fn what_this_release_does_not_know_is_refused_by_name() {
    let unknown = codec::decode_event("ReservationTeleported", SchemaVersion(1), b"{}").unwrap_err();
    assert_eq!(unknown.to_string(), r#"event type "ReservationTeleported" is unknown to this release"#);
    let newer = codec::decode_event("ReservationConfirmed", SchemaVersion(999), b"{}").unwrap_err();
    assert!(newer.to_string().contains("schema version 999"), "{newer}");
}

#[test]
fn an_error_does_not_repeat_what_the_payload_says() {
    let payload = json!({ "reservation": "name, phone and all" }).to_string();
    let error =
        codec::decode_event("ReservationConfirmed", SchemaVersion(1), payload.as_bytes()).unwrap_err();
    let shown = format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(!shown.contains("phone"), "{shown}");
}

fn newest(event_type: &str) -> SchemaVersion {
    EVENT_TYPES.iter().find(|schema| schema.event_type.as_str() == event_type).unwrap().version
}

/// The payload of a golden file with another value at a place.
fn with(name: &str, pointer: &str, value: Value) -> Vec<u8> {
    let mut payload: Value = serde_json::from_str(golden(name).payload.get()).unwrap();
    *payload.pointer_mut(pointer).unwrap() = value;
    serde_json::to_vec(&payload).unwrap()
}

#[test]
fn values_that_no_release_has_accepted_are_not_decoded_and_named() {
    let cases = [
        ("ClinicHoursSet", "/slots/0/slot_interval", json!(0), "slots[0].slotInterval: 5 to 240 minutes"),
        ("ClinicHoursSet", "/slots/0/slot_interval", json!(241), "slots[0].slotInterval: 5 to 240 minutes"),
        ("ClinicHoursSet", "/slots/0/max_concurrent", json!(0), "slots[0].maxConcurrent: 1 to 100"),
        ("ClinicHoursSet", "/slots/0/max_concurrent", json!(u32::MAX), "slots[0].maxConcurrent: 1 to 100"),
        ("ClinicHoursSet", "/slots/0/end", json!("09:00"), "slots[0].endTime: later than the start"),
        ("ClinicHoursSet", "/slots/0/end", json!("08:00"), "slots[0].endTime: later than the start"),
        (
            "ClinicHoursSet",
            "/slots/0/effective_until",
            json!("2026-11-30"),
            "slots[0].effectiveUntil: not before effectiveFrom",
        ),
        ("ServiceRetimed", "/duration", json!(0), "durationMinutes: 10 to 480 minutes"),
        ("ServiceRetimed", "/buffer", json!(u32::MAX), "bufferMinutes: 0 to 60 minutes"),
        ("ServiceDefined", "/duration", json!(481), "durationMinutes: 10 to 480 minutes"),
        ("ServiceLimitSet", "/daily_limit", json!(1001), "dailyLimit: 0 to 1000"),
        ("ServiceLimitSet", "/daily_limit_minutes", json!(1441), "dailyLimitMinutes: 0 to 1440 minutes"),
    ];
    for (event_type, pointer, value, expected) in cases {
        let payload = with(&format!("{event_type}.v1.json"), pointer, value);
        let error = codec::decode_event(event_type, SchemaVersion(1), &payload).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, expected, "{event_type} {pointer}");
        assert_eq!(error.to_string(), format!("{event_type} has values that no release has ever accepted"));
    }
    // Not even as an integer.
    for value in [json!(-1), json!(4_294_967_296_u64), json!(1.5)] {
        let payload = with("ClinicHoursSet.v1.json", "/slots/0/max_concurrent", value);
        assert!(codec::decode_event("ClinicHoursSet", SchemaVersion(1), &payload).is_err());
    }
}

#[test]
fn stretches_that_overlap_are_not_decoded_and_those_of_another_service_or_season_are() {
    let slot = |id: &str, start: &str, service: Option<&str>, until: Option<&str>| {
        json!({"id": id, "period": "MORNING", "start": start, "end": "12:00", "slot_interval": 30, "max_concurrent": 2,
            "service": service, "effective_from": null, "effective_until": until})
    };
    let decode = |second: Value| {
        let slots = json!([slot("a", "09:00", None, Some("2026-12-31")), second]);
        let payload = json!({"day_of_week": 1, "slots": slots}).to_string();
        codec::decode_event("ClinicHoursSet", SchemaVersion(1), payload.as_bytes())
    };
    let error = decode(slot("b", "10:00", None, None)).unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "two stretches of a weekday overlap");
    assert!(decode(slot("b", "10:00", Some("srv_skin_care"), None)).is_ok());
    let mut later = slot("b", "10:00", None, None);
    later["effective_from"] = json!("2027-01-01");
    assert!(decode(later).is_ok());
}

#[test]
fn values_that_earlier_releases_accepted_are_decoded() {
    for (event_type, pointer, value) in [
        ("ClinicHoursSet", "/slots/0/effective_from", json!("0000-01-01")),
        ("ServiceDefined", "/base_price", json!(3_000_000_000_u32)),
        ("ServiceDefined", "/description", json!("a\u{0}b")),
        ("ServiceLimitSet", "/daily_limit", json!(0)),
        ("ServiceLimitSet", "/daily_limit_minutes", json!(0)),
    ] {
        let payload = with(&format!("{event_type}.v1.json"), pointer, value);
        codec::decode_event(event_type, SchemaVersion(1), &payload).unwrap();
    }
}
