//! Parses JSON bodies strictly. A duplicate key is refused, because parsers disagree on which of the two counts.
//!
//! Serde's error messages never reach the client: they quote the body.

use std::fmt;

use actix_web::web::Payload;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::body;
use crate::problem::{Code, FieldFault, Format, Problem};

/// A JSON object whose fields are taken out one by one.
#[derive(Debug)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    /// Reads and parses a body.
    pub(crate) async fn read(payload: Payload) -> Result<Self, Problem> {
        Self::parse(&body::read(payload).await?)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice(bytes) {
            Ok(Strict(Value::Object(fields))) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(Problem::new(Code::InvalidJson)),
        }
    }

    /// An object of texts.
    pub(super) fn from_texts(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(texts.into_iter().map(|(name, text)| (name, Value::String(text))).collect())
    }

    /// An object that is part of a body.
    pub(crate) fn from_value(value: Value) -> Option<Self> {
        if let Value::Object(fields) = value { Some(Self(fields)) } else { None }
    }

    /// Takes out a value. A missing or null field is none.
    pub(crate) fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    /// Whether there is a field that is null.
    pub(crate) fn has_null(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(Value::is_null)
    }

    /// Whether there is a field that is null or a blank text.
    pub(crate) fn has_blank(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
        })
    }

    /// Whether there is a field that is not null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| !value.is_null())
    }

    /// The names of the fields that nothing has taken out.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes out a string. A missing, null or blank field is none.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<String>, Problem> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok((!text.trim().is_empty()).then_some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(FieldFault::new(field, Code::InvalidJson).with_format(Format::Text).into())
            }
        }
    }
}

/// Reads and parses a body of a fixed type. Fields that the type does not have are refused by name, at any depth.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
pub(crate) async fn read<T: DeserializeOwned>(payload: Payload) -> Result<T, Problem> {
    let Object(fields) = Object::read(payload).await?;
    typed(fields)
}

#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
fn typed<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Problem> {
    let faults = wrong_types::<T>(&fields);
    if !faults.is_empty() {
        return Err(Problem::with_faults(faults));
    }
    let mut unknown = Vec::new();
    let parsed = serde_ignored::deserialize(Value::Object(fields), |path| unknown.push(path.to_string()));
    let parsed = parsed.map_err(|_| Problem::new(Code::InvalidJson))?;
    refuse_unknown(unknown.iter().map(String::as_str)).map(|()| parsed)
}

/// The fields whose values have another type: each is parsed alone, which tells nothing if a field beside it is required.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
fn wrong_types<T: DeserializeOwned>(fields: &Map<String, Value>) -> Vec<FieldFault> {
    let parse = |fields| serde_json::from_value::<T>(Value::Object(fields));
    if fields.len() > 1 && parse(Map::new()).is_err() {
        return vec![];
    }
    let alone = |(field, value): (&String, &Value)| {
        let error = parse(Map::from_iter([(field.clone(), value.clone())])).err()?;
        let fault = FieldFault::new(field.clone(), Code::InvalidJson);
        Some(fault.with_format(expected(&error.to_string())))
    };
    fields.iter().filter_map(alone).collect()
}

/// The type that serde expected. Its message is not repeated, because it quotes the value.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
fn expected(message: &str) -> Format {
    let types = [
        ("a string", Format::Text),
        ("f64", Format::Number),
        ("u32", Format::WholeNumber),
        ("a boolean", Format::Flag),
        ("a sequence", Format::List),
    ];
    let found = types.into_iter().find(|(name, _)| message.ends_with(&format!("expected {name}")));
    found.map_or(Format::OwnType, |(_, format)| format)
}

/// Refuses fields, if there are any.
pub(super) fn refuse_unknown<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), Problem> {
    let mut names = names.peekable();
    match names.peek() {
        Some(_) => Err(Problem::unknown(Code::UnknownFields, names)),
        None => Ok(()),
    }
}

/// A value without duplicate keys.
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
        formatter.write_str("JSON without duplicate keys")
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
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
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
                return Err(A::Error::custom("duplicate key"));
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
    fn a_body_is_an_object_without_duplicate_keys() {
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
    fn unknown_fields_are_named_at_any_depth_without_their_contents() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only parsed")]
        struct Outer {
            a: u8,
            inner: Vec<Inner>,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only parsed")]
        struct Inner {
            b: Option<u8>,
        }
        let read = |body: &str| typed::<Outer>(Object::parse(body.as_bytes()).unwrap().0);
        assert!(read(r#"{"a":1,"inner":[{"b":2},{}]}"#).is_ok());
        let refused = read(r#"{"a":1,"inner":[{},{"c<script>":"010-0000-0000"}],"version":3}"#).unwrap_err();
        let named = crate::texts::message(crate::texts::Language::English, refused.code(), refused.details());
        assert!(named.contains("inner.1.cscript, version") && !named.contains("0000"), "{named}");
    }

    #[test]
    fn every_field_of_another_type_is_named_with_its_type() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only parsed")]
        struct Body {
            action: Option<String>,
            share: Option<f64>,
            count: Option<u32>,
            order: Option<Vec<String>>,
        }
        let body = br#"{"action":1,"share":"010-1234-5678 expected f64","count":-1,"order":{},"more":1}"#;
        let refused = typed::<Body>(Object::parse(body).unwrap().0).unwrap_err();
        let named = crate::texts::message(crate::texts::Language::English, refused.code(), refused.details());
        assert_eq!(
            named,
            "Please correct the types of these values: action: a text; count: a whole number; \
             order: a list; share: a number."
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("{{\"a\":{}}}", "[".repeat(100_000));
        assert!(Object::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_text_field_is_a_string_and_blank_counts_as_none() {
        let mut object = Object::parse(br#"{"a":" x ","b":"  ","c":null,"d":1}"#).unwrap();
        assert_eq!(object.text("a").unwrap().as_deref(), Some(" x "));
        for none in ["b", "c", "missing"] {
            assert_eq!(object.text(none).unwrap(), None);
        }
        assert_eq!(object.text("d").unwrap_err().code(), Code::InvalidJson);
    }
}
