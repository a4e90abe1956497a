//! Answers as named parts with fields, compared field by field.
//!
//! A difference must never show a value that may contain patient data.

use std::collections::BTreeMap;

use daybook_projections::compare::verify::{Fields, NOT_SHOWN, WHOLE, differing_names, find_field};
use daybook_projections::projection::canonical::Access;
use serde::Serialize;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AnswerPart {
    Reservation(Box<str>),
    /// A closure, clinic hours or a service, by the name that precedes its fields.
    Other(Box<str>),
}

pub(super) type Parts = BTreeMap<AnswerPart, Fields>;

/// A field in which two answers differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadDifference {
    /// None if the difference is in something else, which `field` then names.
    pub reservation: Option<Box<str>>,
    /// The field; `reservation` if only one side has the reservation.
    pub field: Box<str>,
    /// The values, legacy first. Values that may contain patient data are masked.
    pub sides: [Box<str>; 2],
}

impl ReadDifference {
    /// A difference of a list as a whole.
    pub(super) fn of_list(field: &str, sides: [Box<str>; 2]) -> Self {
        Self { reservation: None, field: field.into(), sides }
    }
}

/// Compares two answers part by part.
pub(super) fn compare([left, right]: [&Parts; 2]) -> Vec<ReadDifference> {
    let only_right = right.keys().filter(|part| !left.contains_key(part));
    let all = left.keys().chain(only_right);
    all.flat_map(|part| compare_part(part, [left.get(part), right.get(part)])).collect()
}

/// Compares the fields of one part.
pub(super) fn compare_part(part: &AnswerPart, sides: [Option<&Fields>; 2]) -> Vec<ReadDifference> {
    let names = match sides {
        [Some(left), Some(right)] => differing_names(left, right),
        [_, _] => vec![WHOLE],
    };
    names.into_iter().map(|name| difference(part, name, sides)).collect()
}

fn difference(part: &AnswerPart, name: &'static str, sides: [Option<&Fields>; 2]) -> ReadDifference {
    let found = sides.map(|fields| fields.and_then(|fields| find_field(fields, name)));
    let is_shown = found.iter().flatten().all(|(field, _)| field.access == Access::Shown);
    let show = |side: usize| match (sides[side], found[side]) {
        (None, _) => "missing".into(),
        (Some(_), None) => "there".into(),
        (Some(_), Some((_, value))) if is_shown => value.as_str().into(),
        (Some(_), Some(_)) => NOT_SHOWN.into(),
    };
    let (reservation, field) = match part {
        AnswerPart::Reservation(id) => (Some(id.clone()), name.into()),
        AnswerPart::Other(part) if name == WHOLE => (None, part.clone()),
        AnswerPart::Other(part) => (None, format!("{part}: {name}").into()),
    };
    ReadDifference { reservation, field, sides: [show(0), show(1)] }
}
