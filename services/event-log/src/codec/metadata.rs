//! Metadata of an event: when it was recorded, by whom and why.
//!
//! It is kept short, because every event carries it. Unknown fields are ignored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SchemaVersion;
use crate::port::Revision;
use daybook_domain::{Actor, ReadModel};

/// Metadata of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// By Daybook's clock, in microseconds.
    pub recorded_at: DateTime<Utc>,
    /// Who caused it.
    pub actor: Actor,
    /// The request or run that it belongs to.
    pub correlation_id: Option<Uuid>,
    /// The event or command that caused it.
    pub causation_id: Option<Uuid>,
    /// The trace in which it was recorded.
    pub traceparent: Option<TraceParent>,
    /// The read model that the client had seen.
    pub read_model: Option<ReadModel>,
    /// What the decision knew of other streams, if the log could not check it on append.
    pub decided_against: Option<ReferenceRevisions>,
}

/// The last revisions of the catalog and the hours that a decision knew; `None` for a stream without events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceRevisions {
    /// Of `catalog-main`.
    pub catalog: Option<Revision>,
    /// Of `hours-main`.
    pub hours: Option<Revision>,
}

/// The part of the metadata that views show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// By Daybook's clock, in microseconds.
    pub recorded_at: DateTime<Utc>,
    /// Who caused it.
    pub actor: Actor,
}

/// A W3C `traceparent`, version 00: `00-{32 hex}-{16 hex}-{2 hex}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceParent(Box<str>);

impl TraceParent {
    /// Parses the value of a `traceparent` header.
    pub fn parse(text: &str) -> Option<Self> {
        let sizes = [2, 32, 16, 2];
        let hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let sound =
            text.split('-').map(str::len).eq(sizes) && text.split('-').all(hex) && text.starts_with("00-");
        sound.then(|| Self(text.into()))
    }

    /// Value for a `traceparent` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Metadata as stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    schema_version: SchemaVersion,
    #[serde(with = "chrono::serde::ts_microseconds")]
    recorded_at: DateTime<Utc>,
    actor: Actor,
    #[serde(rename = "$correlationId", default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<Uuid>,
    #[serde(rename = "$causationId", default, skip_serializing_if = "Option::is_none")]
    causation_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<TraceParent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_model: Option<ReadModel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided_against: Option<ReferenceRevisions>,
}

/// The part of [`Stored`] that a view needs. Skipping the rest halves the time.
#[derive(Deserialize)]
struct StoredRecording {
    schema_version: SchemaVersion,
    #[serde(with = "chrono::serde::ts_microseconds")]
    recorded_at: DateTime<Utc>,
    actor: Actor,
}

impl Recording {
    pub(super) fn read(bytes: &[u8]) -> serde_json::Result<(SchemaVersion, Self)> {
        if let Some(read) = Self::read_head(bytes) {
            return Ok(read);
        }
        let StoredRecording { schema_version, recorded_at, actor } = serde_json::from_slice(bytes)?;
        Ok((schema_version, Self { recorded_at, actor }))
    }

    /// Reads the first fields of metadata that this program wrote and skips the rest, which would cost a
    /// replay a fifth of its decoding time. Returns `None` for any other layout, which the parser then reads.
    fn read_head(bytes: &[u8]) -> Option<(SchemaVersion, Self)> {
        let (version, rest) = take_number(bytes.strip_prefix(br#"{"schema_version":"#)?)?;
        let (micros, rest) = take_number(rest.strip_prefix(br#","recorded_at":"#)?)?;
        let rest = rest.strip_prefix(br#","actor":""#)?;
        let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '))?;
        let (actor, rest) = rest.split_at_checked(end)?;
        if !matches!(rest, [b'"', b'}'] | [b'"', b',', ..]) {
            return None;
        }
        let actor = Actor::recorded(std::str::from_utf8(actor).ok()?);
        let recorded_at = DateTime::from_timestamp_micros(micros.try_into().ok()?)?;
        Some((SchemaVersion(version.try_into().ok()?), Self { recorded_at, actor }))
    }
}

/// An unsigned integer, and the bytes after it.
fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = bytes.split_at_checked(end)?;
    // JSON does not allow leading zeros.
    let sound = digits.len() == 1 || digits.first().is_some_and(|digit| *digit != b'0');
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    sound.then_some((number, rest))
}

impl Metadata {
    /// Metadata with the mandatory fields only.
    pub const fn new(actor: Actor, recorded_at: DateTime<Utc>) -> Self {
        Self {
            recorded_at,
            actor,
            correlation_id: None,
            causation_id: None,
            traceparent: None,
            read_model: None,
            decided_against: None,
        }
    }

    #[expect(clippy::expect_used, reason = "writing plain fields to memory cannot fail")]
    pub(super) fn write(&self, schema_version: SchemaVersion) -> Vec<u8> {
        let stored = Stored {
            schema_version,
            recorded_at: self.recorded_at,
            actor: self.actor.clone(),
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            traceparent: self.traceparent.clone(),
            read_model: self.read_model,
            decided_against: self.decided_against,
        };
        serde_json::to_vec(&stored).expect("serializing metadata to memory cannot fail")
    }

    pub(super) fn read(bytes: &[u8]) -> serde_json::Result<(SchemaVersion, Self)> {
        let stored: Stored = serde_json::from_slice(bytes)?;
        let metadata = Self {
            recorded_at: stored.recorded_at,
            actor: stored.actor,
            correlation_id: stored.correlation_id,
            causation_id: stored.causation_id,
            traceparent: stored.traceparent,
            read_model: stored.read_model,
            decided_against: stored.decided_against,
        };
        Ok((stored.schema_version, metadata))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_traceparent_has_four_parts() {
        let sound = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(TraceParent::parse(sound).unwrap().as_str(), sound);
        for wrong in ["", "00", &sound[..54], &sound.to_uppercase(), &sound.replace("00-0", "01-0")] {
            assert_eq!(TraceParent::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn metadata_keeps_microseconds_and_ignores_unknown_fields() {
        let at = DateTime::from_timestamp_micros(1_796_083_200_123_456).unwrap();
        let metadata = Metadata::new(Actor::public(), at);
        let bytes = metadata.write(SchemaVersion(1));
        assert_eq!(bytes, br#"{"schema_version":1,"recorded_at":1796083200123456,"actor":"public"}"#);
        assert_eq!(Metadata::read(&bytes).unwrap(), (SchemaVersion(1), metadata.clone()));
        let newer = br#"{"schema_version":7,"recorded_at":1796083200123456,"actor":"public","moon":"full"}"#;
        assert_eq!(Metadata::read(newer).unwrap(), (SchemaVersion(7), metadata.clone()));
        let recording = Recording { recorded_at: at, actor: metadata.actor };
        assert_eq!(Recording::read(newer).unwrap(), (SchemaVersion(7), recording.clone()));
        assert_eq!(Recording::read_head(newer), Some((SchemaVersion(7), recording)));
    }

    #[test]
    fn the_revisions_of_a_decision_are_kept_and_may_be_missing() {
        let at = DateTime::from_timestamp_micros(1_796_083_200_123_456).unwrap();
        let known = ReferenceRevisions { catalog: Some(Revision::FIRST.plus(7)), hours: None };
        let metadata = Metadata { decided_against: Some(known), ..Metadata::new(Actor::public(), at) };
        let bytes = metadata.write(SchemaVersion(1));
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.ends_with(r#","decided_against":{"catalog":7,"hours":null}}"#), "{text}");
        assert_eq!(Metadata::read(&bytes).unwrap(), (SchemaVersion(1), metadata.clone()));
        let recording = Recording { recorded_at: at, actor: Actor::public() };
        assert_eq!(Recording::read_head(&bytes), Some((SchemaVersion(1), recording)));
        let older = br#"{"schema_version":1,"recorded_at":1796083200123456,"actor":"public"}"#;
        assert_eq!(Metadata::read(older).unwrap().1.decided_against, None);
    }

    #[test]
    fn metadata_in_another_layout_is_left_to_the_parser() {
        let other = [
            r#"{"actor":"public","schema_version":7,"recorded_at":1796083200123456}"#,
            r#"{ "schema_version": 7, "recorded_at": 1796083200123456, "actor": "public" }"#,
            r#"{"schema_version":7,"recorded_at":1796083200123456,"actor":"\u0070ublic"}"#,
            r#"{"schema_version":7,"recorded_at":1796083200123456,"actor":"public" }"#,
        ];
        let at = DateTime::from_timestamp_micros(1_796_083_200_123_456).unwrap();
        let expected = (SchemaVersion(7), Recording { recorded_at: at, actor: Actor::public() });
        for text in other {
            assert_eq!(Recording::read_head(text.as_bytes()), None, "{text}");
            assert_eq!(Recording::read(text.as_bytes()).unwrap(), expected, "{text}");
        }
        let wrong = [
            r#"{"schema_version":07,"recorded_at":1796083200123456,"actor":"public"}"#,
            r#"{"schema_version":70000,"recorded_at":1796083200123456,"actor":"public"}"#,
            r#"{"schema_version":7,"recorded_at":,"actor":"public"}"#,
            r#"{"schema_version":7,"recorded_at":1796083200123456,"actor":"public"#,
        ];
        for text in wrong {
            assert_eq!(Recording::read_head(text.as_bytes()), None, "{text}");
            assert!(Recording::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
