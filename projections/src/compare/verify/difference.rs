//! A reservation on which two generations differ: what each says, what its events say, and which event said it.

use chrono::NaiveDate;
use daybook_event_log::{Position, RecordedEvent, Revision, StreamName};
use serde::Serialize;

use super::side::Sides;
use super::trail::{Replayed, Trail};
use crate::control::generation::Generation;
use crate::projection::canonical::{Access, CanonicalReservation, Field};
use crate::projection::fold::Reference;

/// What a reader sees in place of what names somebody.
pub const NOT_SHOWN: &str = "(not shown)";

/// The field that stands for the reservation as a whole.
pub const WHOLE: &str = "reservation";

/// A reservation on which two generations differ.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Its id.
    pub reservation: String,
    /// Its clinic day.
    pub date: NaiveDate,
    /// The fields that differ; `reservation` where only one generation has it.
    pub fields: Vec<DifferingField>,
    /// The generations that do not hold what their events say. None where both do: then the views fold them differently.
    pub wrong: Vec<Generation>,
}

/// A field that differs.
#[derive(Debug, Clone, Serialize)]
pub struct DifferingField {
    /// Its name.
    pub field: &'static str,
    /// What there is to it in either generation.
    pub sides: [SideValue; 2],
}

/// A field in one generation.
#[derive(Debug, Clone, Serialize)]
pub struct SideValue {
    /// Which generation.
    pub generation: Generation,
    /// What it says. What names somebody is not shown.
    pub value: String,
    /// What the reservation's events say, folded anew as this view folds them.
    pub replayed: String,
    /// The event that last changed the field; none where no event entered the reservation.
    pub written_by: Option<WrittenBy>,
}

/// An event, by where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenBy {
    /// Its position in the log.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Box<str>,
}

impl WrittenBy {
    pub(super) fn of(event: &RecordedEvent) -> Self {
        let RecordedEvent { position, stream, revision, kind, .. } = event;
        Self { position: *position, stream: stream.clone(), revision: *revision, kind: (**kind).into() }
    }
}

/// The fields of a fact with what they say.
pub type Fields = Vec<(Field, String)>;

/// A reservation that was found to differ.
#[derive(Debug)]
pub(super) struct Suspect {
    pub(super) reservation: String,
    /// Its day, and the day of the other side where that has another.
    pub(super) dates: (NaiveDate, NaiveDate),
    fields: [Option<Fields>; 2],
}

impl Suspect {
    pub(super) fn of(facts: &[Option<CanonicalReservation<'_>>; 2]) -> Option<Self> {
        let first = facts.iter().flatten().next()?;
        let last = facts.iter().flatten().last()?;
        Some(Self {
            reservation: first.id.to_owned(),
            dates: (first.date, last.date),
            fields: facts.each_ref().map(|fact| fact.as_ref().map(CanonicalReservation::fields)),
        })
    }

    /// Holds what both sides say against what the reservation's events say.
    pub(super) fn explain(&self, sides: &Sides, trail: Option<&Trail>, reference: &Reference) -> Difference {
        let replayed = sides.generations.map(|generation| {
            trail.map(|trail| trail.replay(generation.model, reference)).unwrap_or_default()
        });
        let names = match &self.fields {
            [Some(left), Some(right)] => differing_names(left, right),
            [_, _] => vec![WHOLE],
        };
        let is_wrong = |side: usize| {
            names.iter().any(|name| self.said(side, name) != replayed_said(&replayed[side], name))
        };
        let wrong = (0..2).filter(|side| is_wrong(*side)).map(|side| sides.generations[side]).collect();
        let fields = names.iter().map(|name| self.explain_field(name, sides, &replayed)).collect();
        // The event that entered it knows best on which day it is.
        let date = replayed.iter().find_map(|replayed| replayed.date).unwrap_or(self.dates.0);
        Difference { reservation: self.reservation.clone(), date, fields, wrong }
    }

    fn explain_field(&self, name: &'static str, sides: &Sides, replayed: &[Replayed; 2]) -> DifferingField {
        let all = self.fields.iter().chain(replayed.iter().map(|replayed| &replayed.fields)).flatten();
        let is_shown =
            all.filter_map(|fields| find(fields, name)).all(|(field, _)| field.access == Access::Shown);
        let show = |said: &str| if is_shown { said.to_owned() } else { NOT_SHOWN.to_owned() };
        let side = |side: usize| SideValue {
            generation: sides.generations[side],
            value: show(self.said(side, name)),
            replayed: show(replayed_said(&replayed[side], name)),
            written_by: replayed[side].writer(name).cloned(),
        };
        DifferingField { field: name, sides: [side(0), side(1)] }
    }

    fn said(&self, side: usize, name: &str) -> &str {
        said(self.fields[side].as_ref(), name)
    }
}

fn replayed_said<'a>(replayed: &'a Replayed, name: &str) -> &'a str {
    said(replayed.fields.as_ref(), name)
}

fn said<'a>(fields: Option<&'a Fields>, name: &str) -> &'a str {
    let Some(fields) = fields else { return "missing" };
    find(fields, name).map_or("there", |(_, value)| value)
}

/// The field of a name.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a (Field, String)> {
    fields.iter().find(|(field, _)| field.name == name)
}

/// The names of the fields that are in both and differ.
pub fn differing_names(left: &Fields, right: &Fields) -> Vec<&'static str> {
    let pairs = left.iter().zip(right);
    pairs.filter(|((_, left), (_, right))| left != right).map(|((field, _), _)| field.name).collect()
}
