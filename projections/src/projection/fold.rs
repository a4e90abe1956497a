//! The fold: a view's rows in memory, and how an effect changes them.
//!
//! The same fold keeps a view up and rebuilds it: live it starts from the rows that a batch touches, in a rebuild from
//! nothing. That is why a live view and a rebuilt one are equal.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::projection::change::ViewChange;
use crate::projection::closure::ClosureRow;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// Rows of one generation in memory.
#[derive(Debug)]
pub(crate) struct Fold<R> {
    /// Reservations by id, in the order in which they came. Each in a box: rows are large, and a map that grows moves them.
    pub(crate) rows: IndexMap<Box<str>, Box<R>>,
    /// Closures by id.
    pub(crate) closures: BTreeMap<Box<str>, ClosureRow>,
    /// Services, limits and hours.
    pub(crate) reference: Reference,
    /// What changed since the rows were put in.
    pub(crate) touched: Touched,
}

/// What a fold changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) rows: BTreeSet<Box<str>>,
    pub(crate) closures: BTreeSet<Box<str>>,
    pub(crate) reference: bool,
}

impl<R: ReservationRow> Fold<R> {
    /// A fold with nothing in it but the reference data at its position.
    pub(crate) fn new(reference: Reference) -> Self {
        Self { rows: IndexMap::new(), closures: BTreeMap::new(), reference, touched: Touched::default() }
    }

    /// Takes in one effect. An effect on a row that is not there changes nothing: an event is never refused.
    pub(crate) fn apply(&mut self, effect: &ViewChange) {
        match effect {
            ViewChange::Enter { reservation, entry } => {
                let row = R::enter(reservation.as_str().into(), entry);
                self.touched.rows.insert(row.id().into());
                self.rows.insert(row.id().into(), Box::new(row));
            }
            ViewChange::Change { reservation, change, stamp } => {
                if let Some(row) = self.rows.get_mut(reservation.as_str()) {
                    row.change(change, stamp);
                    self.touched.rows.insert(reservation.as_str().into());
                }
            }
            ViewChange::Close { closed, stamp } => {
                self.touched.closures.insert(closed.closure.as_str().into());
                self.closures.insert(closed.closure.as_str().into(), ClosureRow::new(closed, stamp));
            }
            ViewChange::Reopen { closure, stamp } => {
                if let Some(row) = self.closures.get_mut(closure.as_str()) {
                    row.reopen(stamp);
                    self.touched.closures.insert(closure.as_str().into());
                }
            }
            ViewChange::Catalog { event, stamp } => {
                self.reference.evolve_catalog(event, stamp);
                self.touched.reference = true;
            }
            ViewChange::Hours { event, stamp } => {
                self.reference.evolve_hours(event, stamp);
                self.touched.reference = true;
            }
            ViewChange::Forget { subject } => {
                for row in self.rows.values_mut().filter(|row| row.subject() == *subject) {
                    row.erase();
                    self.touched.rows.insert(row.id().into());
                }
            }
            ViewChange::ForgetOne { subject, reservation } => {
                if let Some(row) =
                    self.rows.get_mut(reservation.as_str()).filter(|row| row.subject() == *subject)
                {
                    row.erase();
                    self.touched.rows.insert(reservation.as_str().into());
                }
            }
            ViewChange::Nothing => {}
        }
    }
}
