//! The fold: a view's rows in memory and how a change is applied to them.
//!
//! The same fold updates a live view and rebuilds one: a live batch starts from the rows that it touches, a rebuild
//! from nothing. That is why a live view and a rebuilt one are equal.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::projection::change::ViewChange;
use crate::projection::closure::ClosureRow;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// Rows of one generation in memory.
#[derive(Debug)]
pub(crate) struct Fold<R> {
    /// Reservations by id in the order of creation. Boxed, because rows are large and a growing map moves them.
    pub(crate) rows: IndexMap<Box<str>, Box<R>>,
    pub(crate) closures: BTreeMap<Box<str>, ClosureRow>,
    /// Services, limits and hours.
    pub(crate) reference: Reference,
    /// The rows that changed.
    pub(crate) touched: Touched,
}

/// The rows that a fold changed.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    pub(crate) rows: BTreeSet<Box<str>>,
    pub(crate) closures: BTreeSet<Box<str>>,
    pub(crate) reference: bool,
}

impl<R: ReservationRow> Fold<R> {
    /// An empty fold with the reference data at its position.
    pub(crate) fn new(reference: Reference) -> Self {
        Self { rows: IndexMap::new(), closures: BTreeMap::new(), reference, touched: Touched::default() }
    }

    /// Applies a change. A change of a missing row has no effect: an event is never rejected.
    pub(crate) fn apply(&mut self, change: &ViewChange) {
        match change {
            ViewChange::Create { reservation, contents } => {
                let row = R::create(reservation.as_str().into(), contents);
                self.touched.rows.insert(row.id().into());
                self.rows.insert(row.id().into(), Box::new(row));
            }
            ViewChange::Change { reservation, change, meta } => {
                if let Some(row) = self.rows.get_mut(reservation.as_str()) {
                    row.change(change, meta);
                    self.touched.rows.insert(reservation.as_str().into());
                }
            }
            ViewChange::Close { closed, meta } => {
                self.touched.closures.insert(closed.closure.as_str().into());
                self.closures.insert(closed.closure.as_str().into(), ClosureRow::new(closed, meta));
            }
            ViewChange::Reopen { closure, meta } => {
                if let Some(row) = self.closures.get_mut(closure.as_str()) {
                    row.reopen(meta);
                    self.touched.closures.insert(closure.as_str().into());
                }
            }
            ViewChange::Catalog { event, meta } => {
                self.reference.evolve_catalog(event, meta);
                self.touched.reference = true;
            }
            ViewChange::Hours { event, meta } => {
                self.reference.evolve_hours(event, meta);
                self.touched.reference = true;
            }
            ViewChange::Forget { subject } => {
                for row in self.rows.values_mut().filter(|row| row.subject() == *subject) {
                    row.erase();
                    self.touched.rows.insert(row.id().into());
                }
            }
            ViewChange::ForgetReservation { subject, reservation } => {
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
