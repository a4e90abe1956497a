//! Parses the query of a URL. A parameter may occur once; a blank one counts as missing.

use actix_web::{HttpRequest, web};
use chrono::NaiveDate;

use super::endpoint::Endpoint;
use super::json::Object;
use crate::problem::{Code, FieldFault, Format, Problem};

/// Longest query string, in bytes.
const MAX_QUERY_LENGTH: usize = 4096;

/// The query parameters of a request.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses them.
    pub(crate) fn from_request(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Self::parse(request.query_string())?;
        let known = request.app_data::<Endpoint>().map_or(&[][..], |endpoint| endpoint.parameters());
        query.check_repeated(known).map(|()| query)
    }

    /// Refuses parameters that the endpoint does not have: the client has to know that they have no effect.
    pub(crate) fn check(request: &HttpRequest) -> Result<(), Problem> {
        let Some(endpoint) = request.app_data::<Endpoint>().filter(|_| !request.query_string().is_empty())
        else {
            return Ok(());
        };
        let Self(parameters) = Self::from_request(request)?;
        let names = parameters.iter().map(|(name, _)| name.as_str());
        let known = endpoint.parameters_of(request.method());
        let mut unknown = names.filter(|name| !known.contains(name)).peekable();
        match unknown.peek() {
            Some(_) => Err(Problem::unknown(Code::UnknownParameters, unknown)),
            None => Ok(()),
        }
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let invalid = || Problem::new(Code::InvalidQuery);
        if text.len() > MAX_QUERY_LENGTH {
            return Err(invalid());
        }
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text).map_err(|_| invalid())?;
        Ok(Self(pairs.into_inner()))
    }

    /// Refuses parameters that occur twice, because one of the two would have no effect.
    fn check_repeated(&self, known: &[&'static str]) -> Result<(), Problem> {
        let is_repeated = |name: &str| self.0.iter().filter(|(own, _)| own == name).count() > 1;
        let fault = |name| FieldFault::new(name, Code::InvalidQuery).with_format(Format::Once);
        let repeated = known.iter().copied().filter(|name| is_repeated(name));
        let faults: Vec<FieldFault> = repeated.map(fault).collect();
        match faults.is_empty() {
            false => Err(Problem::with_faults(faults)),
            true if self.0.iter().any(|(name, _)| is_repeated(name)) => Err(Problem::new(Code::InvalidQuery)),
            true => Ok(()),
        }
    }

    /// The parameters as an object of texts without the blanks around them.
    pub(super) fn into_object(self) -> Object {
        Object::from_texts(self.0.into_iter().map(|(name, text)| (name, text.trim().to_owned())))
    }

    /// A parameter; none if it is missing or blank.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

/// A value that the request must contain.
pub(crate) fn required<T>(name: &'static str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::missing_fields(vec![name]))
}

/// A valid date, written exactly as `YYYY-MM-DD`.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let [_, _, _, _, b'-', _, _, b'-', _, _] = text.as_bytes() else { return None };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_parameter_occurs_once_and_blank_counts_as_none() {
        let query = Query::parse("a=1&b=%20&c=%EA%B9%80").unwrap();
        assert_eq!((query.text("a"), query.text("b"), query.text("c")), (Some("1"), None, Some("김")));
        assert!(query.check_repeated(&["a", "b"]).is_ok());
        let repeated = Query::parse("a=1&a=2&b=1").unwrap();
        assert!(repeated.check_repeated(&["a"]).is_err() && repeated.check_repeated(&["b"]).is_err());
        assert!(Query::parse(&"a".repeat(5000)).is_err());
    }

    #[test]
    fn a_date_has_one_spelling() {
        assert_eq!(parse_date("2026-12-01").map(|date| date.to_string()).as_deref(), Some("2026-12-01"));
        for wrong in ["2026-02-30", "2026-2-3", "20261201", "+026-12-01", "2026/12/01", "", "오늘"] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }
}
