//! Identifiers. Each has its own type, so that a service id cannot be passed as a reservation id.
//!
//! Nothing here generates an id: ids are inputs, because they need randomness or keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::value::{self, is_allowed};

/// The text is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to {max} characters of a-z, A-Z, 0-9, '-', '_', '.'", max = MAX_ID_LENGTH)]
pub struct InvalidId;

/// Maximum length in bytes. The old system's ids are UUIDs (36) or CUIDs (25).
pub const MAX_ID_LENGTH: usize = 64;

fn is_id(text: &str) -> bool {
    // A lookup table, because a replay checks the ids of every event.
    const IS_ID_BYTE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0u8;
        while byte < 128 {
            table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            byte += 1;
        }
        table
    };
    (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(|byte| IS_ID_BYTE[usize::from(byte)])
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "Box<str>", into = "Box<str>")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a text of 1 to 64 characters of `a-z`, `A-Z`, `0-9`, `-`, `_`, `.`.
            pub fn parse(text: impl Into<Box<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_id(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }

            /// The stored and displayed form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<Box<str>> for $name {
            type Error = InvalidId;

            fn try_from(text: Box<str>) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for Box<str> {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_id! {
    /// A reservation. Imported reservations keep the id of the old system.
    ReservationId
}
text_id! {
    /// A service, such as `srv_skin_care`. Code and name can change; the id never does.
    ServiceId
}
text_id! {
    /// A closure of time on one day.
    ClosureId
}
text_id! {
    /// A row of the clinic's weekly hours.
    HoursId
}

macro_rules! keyed_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "Box<str>", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// Creates an id from the first 16 bytes of the keyed hash.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the hash.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Parses 32 hexadecimal digits.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                // A UUID without dashes has the same form, and its parser is fast.
                let digits: &[u8; 32] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
                Uuid::try_parse_ascii(digits).map(|number| Self(number.into_bytes())).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self)
            }
        }

        impl TryFrom<Box<str>> for $name {
            type Error = InvalidId;

            fn try_from(text: Box<str>) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> Self {
                hash.to_string()
            }
        }
    };
}

keyed_hash! {
    /// A patient: the first 16 bytes of a keyed hash of the normalised phone number.
    ///
    /// It distinguishes patients without identifying them.
    SubjectId
}
keyed_hash! {
    /// A whole request: the first 16 bytes of a keyed hash of everything that it asks for.
    ///
    /// Equal requests have equal fingerprints, and a fingerprint tells nothing about its request.
    RequestFingerprint
}
keyed_hash! {
    /// A patient: the first 16 bytes of a keyed hash of the subject and the birth date, because families share a number.
    PatientFingerprint
}
keyed_hash! {
    /// The network that a request came from: the first 16 bytes of a keyed hash of an IPv4 address, or of the /64 of an IPv6
    /// address.
    NetworkFingerprint
}

/// The cause of an event: `public`, `system`, `environment`, `import`, or the name in a staff member's token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(Box<str>);

impl Actor {
    /// Creates an actor. Removes characters that a line of text must not contain, and cuts the name at the length of
    /// [`value::ACTOR`]. A name of which nothing is visible becomes `unknown`.
    pub fn named(name: &str) -> Self {
        let allowed = name.chars().filter(|c| is_allowed(*c, value::ACTOR.lines));
        let name: String = allowed.take(value::ACTOR.max).collect();
        Self(if value::ACTOR.check(&name).is_ok() { name.into() } else { "unknown".into() })
    }

    /// Restores the actor of an event, without any check.
    pub fn recorded(name: &str) -> Self {
        Self(name.into())
    }

    /// A booking client without an account.
    pub fn public() -> Self {
        Self("public".into())
    }

    /// Daybook itself, on its first start.
    pub fn system() -> Self {
        Self("system".into())
    }

    /// The import of the old system's reservations.
    pub fn import() -> Self {
        Self("import".into())
    }

    /// The actor's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_64_plain_characters() {
        assert!(ReservationId::parse("5ab08197-8c8b-4335-8efb-a8ed09c62f16").is_ok());
        for wrong in ["", "a b", "김", "x'; --", &"x".repeat(65)] {
            assert_eq!(ReservationId::parse(wrong), Err(InvalidId), "{wrong:?}");
        }
    }

    #[test]
    fn an_actor_is_a_visible_line() {
        for (name, shown) in [
            ("desk@clinic.example", "desk@clinic.example"),
            ("a\u{1b}[2J\u{202e}b\n", "a[2Jb"),
            ("\u{200b}", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(Actor::named(name).as_str(), shown);
        }
        assert_eq!(Actor::named(&"김".repeat(200)).as_str().chars().count(), 128);
    }

    #[test]
    fn a_subject_parses_its_own_display() {
        let subject = SubjectId::from_bytes([7; 16]);
        assert_eq!(SubjectId::parse(&subject.to_string()), Ok(subject));
        assert_eq!(SubjectId::parse("+7070707070707070707070707070707"), Err(InvalidId));
    }
}
