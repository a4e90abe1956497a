//! The wrong fields of a request, in a form that programs can read.

use std::borrow::Cow;

use daybook_domain::value::{Dates, Fault, Faults, Moments, Numbers, Range, Text};
use serde::{Serialize, Serializer};

use super::{Code, Details, Format, Problem};
use crate::texts::{self, Language};

/// A wrong or missing field.
#[derive(Debug, Serialize)]
pub(crate) struct FieldFault {
    /// The field's name, with its place in a list.
    pub(crate) field: Cow<'static, str>,
    #[serde(serialize_with = "code")]
    pub(crate) code: Code,
    #[serde(flatten, serialize_with = "bounds")]
    pub(crate) rule: Option<Rule>,
}

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    Range(Range),
    Format(Format),
}

/// All wrong fields of a request. What the older keys say belongs to the missing fields, or else to the first wrong one.
#[derive(Debug, Serialize)]
pub(crate) struct FieldFaults {
    /// All missing fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    details: FaultList,
}

#[derive(Debug, Serialize)]
struct FaultList {
    fields: Vec<FieldFault>,
}

/// A range in words and, if it has two bounds, as values.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bounds<Bound> {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Bound>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Bound>,
}

fn code<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

fn bounds<S: Serializer>(rule: &Option<Rule>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(rule) = rule else { return serializer.serialize_none() };
    rule.serialize(serializer)
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rule = texts::rule(Language::English, self);
        match self {
            Self::Range(range) => range_with_bounds(rule, *range, serializer),
            Self::Format(_) => Bounds::<u32> { rule, min: None, max: None }.serialize(serializer),
        }
    }
}

fn range_with_bounds<S: Serializer>(rule: String, range: Range, serializer: S) -> Result<S::Ok, S::Error> {
    match range {
        Range::Numbers(Numbers { min, max, .. }) => {
            Bounds { rule, min: Some(min), max: Some(max) }.serialize(serializer)
        }
        Range::Text(Text { min, max, .. }) | Range::Word { min, max, .. } => {
            Bounds { rule, min: Some(min), max: Some(max) }.serialize(serializer)
        }
        Range::Dates(Dates { first, last }) | Range::Moments(Moments { first, last }) => {
            Bounds { rule, min: Some(first), max: Some(last) }.serialize(serializer)
        }
        Range::Percentage => Bounds { rule, min: Some(0), max: Some(100) }.serialize(serializer),
        Range::Starts | Range::Relation(_) => {
            Bounds::<u32> { rule, min: None, max: None }.serialize(serializer)
        }
    }
}

impl FieldFault {
    /// A field with the form that belongs to the code.
    pub(crate) fn new(field: impl Into<Cow<'static, str>>, code: Code) -> Self {
        Self { field: field.into(), code, rule: Format::of(code).map(Rule::Format) }
    }

    /// The same with a range instead of a form.
    pub(crate) fn with_range(self, range: Range) -> Self {
        Self { rule: Some(Rule::Range(range)), ..self }
    }

    /// The same with another form.
    pub(crate) fn with_format(self, format: Format) -> Self {
        Self { rule: Some(Rule::Format(format)), ..self }
    }

    /// A field whose value is outside its range.
    pub(crate) fn out_of_range(field: impl Into<Cow<'static, str>>, range: Range) -> Self {
        let code = if matches!(range, Range::Text(_)) { Code::InvalidText } else { Code::InvalidField };
        Self { field: field.into(), code, rule: Some(Rule::Range(range)) }
    }
}

impl FieldFaults {
    /// The faults, at least one.
    pub(crate) fn list(&self) -> &[FieldFault] {
        &self.details.fields
    }
}

impl Problem {
    /// Wrong fields, at least one.
    pub(crate) fn with_faults(faults: Vec<FieldFault>) -> Self {
        let missing = faults.iter().filter(|fault| fault.code == Code::MissingFields);
        let missing: Vec<_> = missing.map(|fault| fault.field.clone()).collect();
        // A missing field comes first: nothing can be decided without it.
        let first = faults.iter().find(|fault| fault.code == Code::MissingFields).or(faults.first());
        let code = first.map_or(Code::MissingFields, |fault| fault.code);
        let (field, rule) = (first.map(|fault| fault.field.clone()), first.and_then(|fault| fault.rule));
        let rule = rule.map(|rule| texts::rule(Language::English, &rule));
        let details = FaultList { fields: faults };
        let faults = FieldFaults { fields: missing, field, rule, details };
        Self::with(code, Details::Fields(Box::new(faults)))
    }

    /// One wrong field.
    pub(crate) fn field(code: Code, field: &'static str) -> Self {
        FieldFault::new(field, code).into()
    }

    /// One field whose value is outside its range.
    pub(crate) fn out_of_range(field: &'static str, range: Range) -> Self {
        FieldFault::out_of_range(field, range).into()
    }

    /// Required fields that the request does not contain.
    pub(crate) fn missing_fields(fields: Vec<&'static str>) -> Self {
        let missing = |field| FieldFault::new(field, Code::MissingFields);
        Self::with_faults(fields.into_iter().map(missing).collect())
    }
}

impl From<FieldFault> for Problem {
    fn from(fault: FieldFault) -> Self {
        Self::with_faults(vec![fault])
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        let faults = faults.into_inner().into_iter();
        Self::with_faults(
            faults.map(|Fault { field, range }| FieldFault::out_of_range(field, range)).collect(),
        )
    }
}
