//! Upcasting: converting payloads of old schema versions to the current one, step by step.
//!
//! A step is a pure function on JSON and never changes after its release. Current payloads pass through
//! unparsed, so only old ones cost time.

use std::borrow::Cow;

use serde_json::Value;

use super::table::EventSchema;
use super::{DecodeError, SchemaVersion};
use crate::port::EventType;

/// Converts payloads of one type from one schema version to the next.
#[derive(Debug, Clone, Copy)]
pub struct UpcastStep {
    pub event_type: EventType,
    /// Version it starts from. The result has the next version.
    pub from: SchemaVersion,
    /// Converts the payload.
    pub rewrite: fn(Value) -> Value,
}

/// Upcasts payloads with a table of steps.
#[derive(Debug, Clone, Copy)]
pub struct Upcaster<'a> {
    steps: &'a [UpcastStep],
}

impl<'a> Upcaster<'a> {
    /// Uses these steps, in any order.
    pub const fn new(steps: &'a [UpcastStep]) -> Self {
        Self { steps }
    }

    /// Converts a payload to the version in which this release writes its type.
    pub fn upcast<'p>(
        &self,
        event_type: EventSchema,
        version: SchemaVersion,
        payload: &'p [u8],
    ) -> Result<Cow<'p, [u8]>, DecodeError> {
        let EventSchema { event_type, version: known } = event_type;
        if version == known {
            return Ok(Cow::Borrowed(payload));
        }
        if version > known {
            return Err(DecodeError::NewerSchema { event_type, version, known });
        }
        let malformed = |error: serde_json::Error| DecodeError::Payload { event_type, fault: error.into() };
        let mut value: Value = serde_json::from_slice(payload).map_err(malformed)?;
        for from in version.0..known.0 {
            value = (self.step(event_type, SchemaVersion(from))?.rewrite)(value);
        }
        serde_json::to_vec(&value).map(Cow::Owned).map_err(malformed)
    }

    fn step(&self, event_type: EventType, from: SchemaVersion) -> Result<&'a UpcastStep, DecodeError> {
        let matches = |step: &&UpcastStep| step.event_type == event_type && step.from == from;
        self.steps.iter().find(matches).ok_or(DecodeError::NoUpcast { event_type, version: from })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use serde_json::json;

    use super::*;

    const GREETED: EventType = EventType::named("Greeted");
    const NOW: EventSchema = EventSchema { event_type: GREETED, version: SchemaVersion(3) };
    const STEPS: &[UpcastStep] = &[
        UpcastStep { event_type: GREETED, from: SchemaVersion(1), rewrite: |old| json!({ "name": old }) },
        UpcastStep { event_type: EventType::named("Left"), from: SchemaVersion(2), rewrite: |_| Value::Null },
        UpcastStep {
            event_type: GREETED,
            from: SchemaVersion(2),
            rewrite: |mut old| {
                old["language"] = "ko".into();
                old
            },
        },
    ];

    fn upcast(version: u16, payload: &str) -> Result<Value, DecodeError> {
        let payload = Upcaster::new(STEPS).upcast(NOW, SchemaVersion(version), payload.as_bytes())?;
        Ok(serde_json::from_slice(&payload).unwrap())
    }

    #[test]
    fn old_versions_are_upcast_to_the_current_one() {
        let now = json!({ "name": "Daisy", "language": "ko" });
        assert_eq!(upcast(1, r#""Daisy""#).unwrap(), now);
        assert_eq!(upcast(2, r#"{"name":"Daisy"}"#).unwrap(), now);
        assert_eq!(upcast(3, r#"{"name":"Daisy","language":"ko"}"#).unwrap(), now);
    }

    #[test]
    fn a_current_payload_is_not_parsed() {
        let payload = Upcaster::new(STEPS).upcast(NOW, SchemaVersion(3), b"not JSON").unwrap();
        assert!(matches!(payload, Cow::Borrowed(b"not JSON")));
    }

    #[test]
    fn a_newer_version_and_a_missing_step_say_so() {
        let newer = upcast(4, "{}").unwrap_err();
        assert_eq!(
            newer.to_string(),
            "Greeted has schema version 4, this release knows up to 3; use the release that wrote it"
        );
        let missing = upcast(0, "{}").unwrap_err();
        assert_eq!(
            missing.to_string(),
            "this release has no step that upcasts Greeted from schema version 0"
        );
    }
}
