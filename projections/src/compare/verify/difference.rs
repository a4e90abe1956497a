//! A reservation that differs between two generations: both values, the value that its events produce, and the event
//! that wrote it.

use chrono::NaiveDate;
use serde::Serialize;

use super::alignment::ComparedPair;
use super::fields::{NOT_SHOWN, WHOLE, differing_names, find, value_of};
use super::suspect::Suspect;
use super::trail::{Replayed, Trail, WrittenBy};
use crate::control::ids::Generation;
use crate::projection::canonical::Access;
use crate::projection::reference::Reference;

/// A reservation that differs between two generations.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Difference {
    pub reservation: String,
    pub date: NaiveDate,
    /// The fields that differ; `reservation` if only one generation has it.
    pub fields: Vec<DifferingField>,
    /// The generations that do not match the events. None if both match: then the views fold the events differently.
    pub wrong: Vec<Generation>,
}

/// A field that differs.
#[derive(Debug, Clone, Serialize)]
pub struct DifferingField {
    pub field: &'static str,
    /// The field in both generations.
    pub sides: [GenerationValue; 2],
}

/// A field in one generation.
#[derive(Debug, Clone, Serialize)]
pub struct GenerationValue {
    pub generation: Generation,
    /// Its value. Values that identify a person are not shown.
    pub value: String,
    /// The value that this view derives from the reservation's events.
    pub replayed: String,
    /// The event that last changed the field; none if no event created the reservation.
    pub written_by: Option<WrittenBy>,
}

impl Suspect {
    /// Compares both generations' values with those that the events produce.
    pub(super) fn explain(
        &self,
        sides: &ComparedPair,
        trail: Option<&Trail>,
        reference: &Reference,
    ) -> Difference {
        let replayed = sides.generations.map(|generation| {
            trail.map(|trail| trail.replay(generation.model, reference)).unwrap_or_default()
        });
        let names = match &self.fields {
            [Some(left), Some(right)] => differing_names(left, right),
            [_, _] => vec![WHOLE],
        };
        let is_wrong = |side: usize| {
            names.iter().any(|name| self.value(side, name) != replayed_value(&replayed[side], name))
        };
        let wrong = (0..2).filter(|side| is_wrong(*side)).map(|side| sides.generations[side]).collect();
        let fields = names.iter().map(|name| self.explain_field(name, sides, &replayed)).collect();
        // The event that created it is the best source for its day.
        let date = replayed.iter().find_map(|replayed| replayed.date).unwrap_or(self.dates.0);
        Difference { reservation: self.reservation.clone(), date, fields, wrong }
    }

    fn explain_field(
        &self,
        name: &'static str,
        sides: &ComparedPair,
        replayed: &[Replayed; 2],
    ) -> DifferingField {
        let all = self.fields.iter().chain(replayed.iter().map(|replayed| &replayed.fields)).flatten();
        let is_shown =
            all.filter_map(|fields| find(fields, name)).all(|(field, _)| field.access == Access::Shown);
        let show = |value: &str| if is_shown { value.to_owned() } else { NOT_SHOWN.to_owned() };
        let side = |side: usize| GenerationValue {
            generation: sides.generations[side],
            value: show(self.value(side, name)),
            replayed: show(replayed_value(&replayed[side], name)),
            written_by: replayed[side].writer(name).cloned(),
        };
        DifferingField { field: name, sides: [side(0), side(1)] }
    }
}

fn replayed_value<'a>(replayed: &'a Replayed, name: &str) -> &'a str {
    value_of(replayed.fields.as_ref(), name)
}
