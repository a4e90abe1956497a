//! Reads the fields of a form one by one and collects every wrong one, so that a client can mark all of them at once.

use std::borrow::Cow;

use actix_web::HttpRequest;
use actix_web::web::Payload;
use chrono::NaiveDate;
use daybook_domain::routing::RolloutPercentage;
use daybook_domain::value::{self, Dates, Numbers, Range, Text};
use serde_json::Value;

use super::json::{self, Object};
use super::query::{Query, parse_date};
use crate::problem::{Code, FieldFault, Format, Problem};

/// A form, and what is wrong with it so far. A field that is wrong reads as none, like a missing one.
#[derive(Debug)]
pub(crate) struct Form {
    object: Object,
    faults: Vec<FieldFault>,
    /// Fields of rows that nothing has read.
    unknown: Vec<String>,
    /// The place of a row in a list, with a dot: `slots[1].`.
    path: String,
}

impl Form {
    /// Reads the query of a request.
    pub(crate) fn from_query(request: &HttpRequest) -> Result<Self, Problem> {
        Ok(Self::new(Query::from_request(request)?.into_object()))
    }

    /// Reads the body of a request.
    pub(crate) async fn read(payload: Payload) -> Result<Self, Problem> {
        Ok(Self::new(Object::read(payload).await?))
    }

    pub(crate) const fn new(object: Object) -> Self {
        Self { object, faults: Vec::new(), unknown: Vec::new(), path: String::new() }
    }

    /// Adds a wrong field.
    pub(crate) fn fault(&mut self, field: &'static str, code: Code, range: Option<Range>) {
        let fault = FieldFault::new(self.name(field), code);
        self.faults.push(range.into_iter().fold(fault, FieldFault::with_range));
    }

    /// Fails if any field was wrong or missing, or if the form has a field that nothing has read.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let unknown: Vec<String> = self.object.unknown().map(str::to_owned).chain(self.unknown).collect();
        check_faults(self.faults)?;
        json::refuse_unknown(unknown.iter().map(String::as_str))
    }

    /// Fails if any field was wrong or missing. The old public routes ignore fields that they do not know.
    pub(crate) fn finish_ignoring_unknown(self) -> Result<(), Problem> {
        check_faults(self.faults)
    }

    /// A field that must be there: if it is none, and not wrong, it is missing.
    pub(crate) fn required<T>(&mut self, field: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.is_wrong(field) {
            self.fault(field, Code::MissingFields, None);
        }
        value
    }

    /// Whether the field was wrong.
    pub(crate) fn is_wrong(&self, field: &'static str) -> bool {
        let name = self.name(field);
        self.faults.iter().any(|fault| fault.field == name)
    }

    /// Whether the form has the field, blank or not.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.has(field)
    }

    /// Whether a change removes the field's value: it is null.
    pub(crate) fn removes(&self, field: &str) -> bool {
        self.object.has_null(field)
    }

    /// Refuses null in fields of a change whose values cannot be removed.
    pub(crate) fn keep(&mut self, fields: &[&'static str]) {
        for field in fields {
            if self.removes(field) {
                self.wrong_form::<()>(field, Code::InvalidJson, Format::NotNull);
            }
        }
    }

    /// Refuses null and blank texts in fields of a change whose values cannot be removed.
    pub(crate) fn keep_filled(&mut self, fields: &[&'static str]) {
        for field in fields {
            if self.object.has_blank(field) {
                self.wrong_form::<()>(field, Code::InvalidField, Format::Filled);
            }
        }
    }

    /// Refuses two fields that say different things.
    pub(crate) fn contradiction(&mut self, one: &'static str, other: &'static str) {
        self.faults.extend(FieldFault::contradiction(one, other));
    }

    /// A text that a change may remove: none if the field is missing, blank if it is null or blank.
    pub(crate) fn replacement(&mut self, field: &'static str, allowed: Text) -> Option<String> {
        let is_given = self.has(field) || self.removes(field);
        let text = self.string(field).unwrap_or_default();
        (is_given && !self.is_wrong(field) && self.checked(field, &text, allowed)).then_some(text)
    }

    /// A string, not checked. A blank one is none.
    pub(crate) fn string(&mut self, field: &'static str) -> Option<String> {
        match self.object.text(field) {
            Ok(text) => text,
            Err(_) => self.wrong_form(field, Code::InvalidJson, Format::Text),
        }
    }

    /// What one of two fields says, with the name of that field: a service by its id or by its code. Both may be there if
    /// they say the same.
    pub(crate) fn either(
        &mut self,
        first: &'static str,
        second: &'static str,
        is_same: impl Fn(&str, &str) -> bool,
    ) -> Option<(&'static str, String)> {
        let (one, other) = (self.string(first), self.string(second));
        if one.as_deref().zip(other.as_deref()).is_some_and(|(one, other)| !is_same(one, other)) {
            self.contradiction(first, second);
        }
        one.map(|text| (first, text)).or(other.map(|text| (second, text)))
    }

    /// A text in its range. A blank one is none.
    pub(crate) fn text(&mut self, field: &'static str, allowed: Text) -> Option<Box<str>> {
        let text = self.string(field)?;
        self.checked(field, &text, allowed).then(|| text.into())
    }

    /// Checks a text that was read already.
    pub(crate) fn checked(&mut self, field: &'static str, text: &str, allowed: Text) -> bool {
        let checked = allowed.check(text);
        if let Err(range) = checked {
            self.fault(field, Code::InvalidText, Some(range));
        }
        checked.is_ok()
    }

    /// A string that `parse` understands.
    pub(crate) fn parsed<T>(
        &mut self,
        field: &'static str,
        code: Code,
        range: Option<Range>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.string(field)?;
        parse(text.trim()).or_else(|| self.wrong(field, code, range))
    }

    /// The value of a check outside the form, or none with its fault.
    pub(crate) fn accept<T>(&mut self, checked: Result<T, FieldFault>) -> Option<T> {
        checked.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// A whole number in its range.
    pub(crate) fn number(&mut self, field: &'static str, allowed: Numbers) -> Option<u32> {
        match self.object.take(field)? {
            Value::Number(number) => {
                let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| allowed.check(*number).is_ok());
                number.or_else(|| self.wrong(field, Code::InvalidField, Some(allowed.range())))
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong(field, Code::InvalidJson, Some(allowed.range()))
            }
        }
    }

    /// A percentage of the rollout.
    pub(crate) fn percentage(&mut self, field: &'static str) -> Option<RolloutPercentage> {
        let percent = self.object.take(field)?.as_f64();
        let share = percent.and_then(|percent| RolloutPercentage::from_percent(percent).ok());
        share.or_else(|| self.wrong(field, Code::InvalidPercentage, Some(Range::Percentage)))
    }

    /// A yes or no.
    pub(crate) fn flag(&mut self, field: &'static str) -> Option<bool> {
        let value = self.object.take(field)?;
        value.as_bool().or_else(|| self.wrong_form(field, Code::InvalidJson, Format::Flag))
    }

    /// A date, written as `YYYY-MM-DD`, in its range.
    pub(crate) fn date(&mut self, field: &'static str, allowed: Dates) -> Option<NaiveDate> {
        let date = self.parsed(field, Code::InvalidDateFormat, Some(allowed.range()), parse_date)?;
        if allowed.contains(date) {
            Some(date)
        } else {
            self.wrong(field, Code::InvalidField, Some(allowed.range()))
        }
    }

    /// A date in a query: a date that is no day of the calendar and one outside its range are the same problem.
    pub(crate) fn date_parameter(&mut self, name: &'static str, allowed: Dates) -> Option<NaiveDate> {
        let in_range = |text: &str| parse_date(text).filter(|date| allowed.contains(*date));
        self.parsed(name, Code::InvalidDate, Some(allowed.range()), in_range)
    }

    /// A day in a query. Whether it can be booked is decided elsewhere.
    pub(crate) fn day_parameter(&mut self, name: &'static str) -> Option<NaiveDate> {
        self.parsed(name, Code::InvalidDate, None, parse_date)
    }

    /// The rows of a list, each read as a form. A wrong row is left out.
    pub(crate) fn rows<T>(
        &mut self,
        field: &'static str,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(rows) = self.object.take(field)? else {
            return self.wrong_form(field, Code::InvalidJson, Format::List);
        };
        let mut values = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let path = format!("{}{field}[{index}]", self.path);
            let Some(object) = Object::from_value(row) else {
                let fault = FieldFault::new(path, Code::InvalidJson).with_format(Format::Object);
                self.faults.push(fault);
                continue;
            };
            let mut row = Self { path: format!("{path}."), ..Self::new(object) };
            values.extend(read(&mut row));
            self.unknown.extend(row.object.unknown().map(|field| format!("{}{field}", row.path)));
            self.unknown.append(&mut row.unknown);
            self.faults.append(&mut row.faults);
        }
        Some(values)
    }

    /// The ids of a list. A wrong one is left out.
    pub(crate) fn ids<T>(
        &mut self,
        field: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.object.take(field)? else {
            return self.wrong_form(field, Code::InvalidJson, Format::List);
        };
        let mut ids = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let name = format!("{}{field}[{index}]", self.path);
            match item.as_str().map(&parse) {
                Some(Some(id)) => ids.push(id),
                Some(None) => self.faults.push(FieldFault::out_of_range(name, value::ID)),
                None => self.faults.push(FieldFault::new(name, Code::InvalidJson).with_format(Format::Text)),
            }
        }
        Some(ids)
    }

    fn wrong<T>(&mut self, field: &'static str, code: Code, range: Option<Range>) -> Option<T> {
        self.fault(field, code, range);
        None
    }

    /// Adds a wrong field with the form that it should have.
    pub(crate) fn wrong_form<T>(&mut self, field: &'static str, code: Code, format: Format) -> Option<T> {
        self.faults.push(FieldFault::new(self.name(field), code).with_format(format));
        None
    }

    fn name(&self, field: &'static str) -> Cow<'static, str> {
        if self.path.is_empty() { field.into() } else { format!("{}{field}", self.path).into() }
    }
}

fn check_faults(faults: Vec<FieldFault>) -> Result<(), Problem> {
    if faults.is_empty() { Ok(()) } else { Err(Problem::with_faults(faults)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn form(body: Value) -> Form {
        Form::new(Object::from_value(body).unwrap())
    }

    #[test]
    fn null_removes_a_value_only_where_a_change_may_remove_it() {
        let mut change = form(json!({"kept": null, "removed": null, "other": 1}));
        change.keep(&["kept", "other", "missing"]);
        assert!(change.removes("removed") && !change.removes("other") && !change.removes("missing"));
        assert!(change.is_wrong("kept") && !change.is_wrong("removed") && !change.is_wrong("missing"));
    }

    #[test]
    fn neither_null_nor_a_blank_text_removes_a_value_that_has_to_stay() {
        let mut change = form(json!({"a": null, "b": " ", "c": "x", "d": 0, "note": null}));
        change.keep_filled(&["a", "b", "c", "d", "e"]);
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|field| change.is_wrong(field)),
            [true, true, false, false, false]
        );
        assert_eq!(change.replacement("note", value::NOTES).as_deref(), Some(""));
        assert_eq!(
            (change.replacement("e", value::NOTES), change.replacement("d", value::NOTES)),
            (None, None)
        );
    }

    #[test]
    fn a_field_that_nothing_has_read_is_refused_by_its_place() {
        let mut strict = form(json!({"rows": [{"seats": 1, "colour": "red"}], "version": 3}));
        strict.rows("rows", |row| row.number("seats", value::MAX_CONCURRENT));
        assert_eq!(strict.finish().unwrap_err().code(), Code::UnknownFields);
        let lenient = form(json!({"version": 3}));
        assert!(lenient.finish_ignoring_unknown().is_ok());
    }

    #[test]
    fn a_percentage_and_the_ids_of_a_list_name_what_is_wrong() {
        let mut form =
            form(json!({"share": 12.34, "tiny": 1e-9, "text": "5", "order": ["a", 1, "b c", null]}));
        assert!(form.percentage("share").is_some());
        assert_eq!((form.percentage("tiny"), form.percentage("text")), (None, None));
        let ids = form.ids("order", |text| (!text.contains(' ')).then(|| text.to_owned()));
        assert_eq!(ids, Some(vec!["a".to_owned()]));
        let faults: Vec<String> =
            form.faults.iter().map(|fault| format!("{} {}", fault.field, fault.code.as_str())).collect();
        let expected = [
            "tiny INVALID_PERCENTAGE",
            "text INVALID_PERCENTAGE",
            "order[1] INVALID_JSON",
            "order[2] INVALID_FIELD",
            "order[3] INVALID_JSON",
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn one_of_two_fields_is_named_as_the_client_wrote_it() {
        let either = |body| {
            let mut form = form(body);
            let found = form.either("serviceId", "service", str::eq_ignore_ascii_case);
            form.finish().map(|()| found.unwrap())
        };
        let found = |field, text: &str| Ok((field, text.to_owned()));
        let codes = |body| either(body).map_err(|problem| problem.code());
        assert_eq!(codes(json!({"service": "SKIN_CARE"})), found("service", "SKIN_CARE"));
        assert_eq!(
            codes(json!({"service": "SKIN_CARE", "serviceId": "skin_care"})),
            found("serviceId", "skin_care")
        );
        assert_eq!(codes(json!({"service": "SKIN_CARE", "serviceId": "other"})), Err(Code::InvalidField));
    }

    #[test]
    fn every_wrong_field_is_collected_in_the_order_of_reading() {
        let mut form = form(json!({
            "name": "\u{200b}", "price": -1, "seats": 2.5, "active": "yes", "day": "0000-01-01", "blank": " ",
            "rows": [{"seats": 0}, 7, {"seats": 3}]
        }));
        assert_eq!(form.text("name", value::SERVICE_NAME), None);
        assert_eq!(form.number("price", value::PRICE), None);
        assert_eq!(form.number("seats", value::MAX_CONCURRENT), None);
        assert_eq!(form.flag("active"), None);
        assert_eq!(form.date("day", value::CLINIC_DAYS), None);
        let blank = form.text("blank", value::REASON);
        assert_eq!(form.required("blank", blank), None);
        let name: Option<Box<str>> = None;
        assert_eq!(form.required("name", name), None, "wrong, and so not missing");
        let rows = form.rows("rows", |row| row.number("seats", value::MAX_CONCURRENT));
        assert_eq!(rows, Some(vec![3]));
        let faults: Vec<String> =
            form.faults.iter().map(|fault| format!("{} {}", fault.field, fault.code.as_str())).collect();
        assert_eq!(
            faults,
            [
                "name INVALID_TEXT",
                "price INVALID_FIELD",
                "seats INVALID_FIELD",
                "active INVALID_JSON",
                "day INVALID_FIELD",
                "blank MISSING_FIELDS",
                "rows[0].seats INVALID_FIELD",
                "rows[1] INVALID_JSON"
            ]
        );
        assert_eq!(form.finish().unwrap_err().code(), Code::MissingFields);
    }
}
