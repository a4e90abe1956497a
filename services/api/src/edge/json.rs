//! JSON as it is taken in: strictly. A key that comes twice is refused, since two readers would take different ones.
//!
//! What serde says of a fault is never handed on: it quotes what was sent.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Code, Problem};

/// The top of a body: an object whose fields are taken out one by one.
#[derive(Debug)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    /// Reads a body.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(Strict(Value::Object(fields))) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(Problem::of(Code::InvalidJson)),
        }
    }

    /// Takes out a text. What is missing, null or blank is none.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<String>, Problem> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok((!text.trim().is_empty()).then_some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Problem::field(Code::InvalidJson, field))
            }
        }
    }
}

/// Reads a body of a fixed form.
pub(crate) fn typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let Object(fields) = Object::parse(bytes)?;
    serde_json::from_value(Value::Object(fields)).map_err(|_| Problem::of(Code::InvalidJson))
}

/// A value in which no object has a key twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without a key that comes twice")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no such number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((key, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if fields.insert(key, value).is_some() {
                return Err(A::Error::custom("a key comes twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_body_is_an_object_without_double_keys() {
        assert!(Object::parse(br#"{"a":"1","b":[1,-2,0.5,true,null,{"a":"x"}]}"#).is_ok());
        let wrong: [&[u8]; 8] = [
            b"",
            b"[]",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":{\"b\":1,\"b\":1}}",
            b"{\"a\":1",
            b"{\"a\":1}x",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
        ];
        for body in wrong {
            assert!(Object::parse(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{{\"a\":{}}}", "[".repeat(100_000));
        assert!(Object::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_text_is_a_string_and_blank_is_none() {
        let mut object = Object::parse(br#"{"a":" x ","b":"  ","c":null,"d":1}"#).unwrap();
        assert_eq!(object.text("a").unwrap().as_deref(), Some(" x "));
        for none in ["b", "c", "missing"] {
            assert_eq!(object.text(none).unwrap(), None);
        }
        assert_eq!(object.text("d").unwrap_err().code(), Code::InvalidJson);
    }
}
