//! A reservation on which two generations differ: what each says, what its events say, and which event said it.

use chrono::NaiveDate;
use serde::Serialize;

use super::fields::{NOT_SHOWN, WHOLE, differing_names, find, said};
use super::side::Sides;
use super::suspect::Suspect;
use super::trail::{Replayed, Trail, WrittenBy};
use crate::control::ids::Generation;
use crate::projection::canonical::Access;
use crate::projection::reference::Reference;

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

impl Suspect {
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
}

fn replayed_said<'a>(replayed: &'a Replayed, name: &str) -> &'a str {
    said(replayed.fields.as_ref(), name)
}
