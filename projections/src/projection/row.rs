//! A reservation as a view's table holds it: one type for each view, and what both have to be able to do.
//!
//! Each view derives its row in its own way; nothing is shared below this trait, so that comparing the views means
//! something. A row is written as JSON when the view is kept up and by COPY when it is rebuilt.

pub(crate) mod dynamic;
pub(crate) mod legacy;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{ReadModel, SubjectId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::projection::canonical::CanonicalReservation;
use crate::projection::change::{Change, Entry, EventMeta};
use crate::projection::reference::Reference;

/// A view's row of one reservation.
pub(crate) trait ReservationRow: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The view.
    const MODEL: ReadModel;

    /// The table's columns in the order in which [`Self::write_columns`] writes them.
    const COLUMNS: &'static [&'static str];

    /// The row of a reservation that comes into being.
    fn enter(id: SmolStr, entry: &Entry) -> Self;

    /// Takes in a change.
    fn change(&mut self, change: &Change, stamp: &EventMeta);

    /// Takes out what tells who the patient is.
    fn erase(&mut self);

    /// The reservation's id.
    fn id(&self) -> &str;

    /// The reservation's day.
    fn date(&self) -> NaiveDate;

    /// Whose it is.
    fn subject(&self) -> SubjectId;

    /// What it says. The reference tables of the same view say what a service is.
    fn fact<'a>(&'a self, reference: &'a Reference) -> CanonicalReservation<'a>;

    /// Writes its columns in the order of [`Self::COLUMNS`].
    fn write_columns(&self, writer: &mut impl ColumnWriter);
}

/// Receives the columns of a row one after the other.
pub(crate) trait ColumnWriter {
    /// A text, an enum's label, or null.
    fn text(&mut self, value: Option<&str>) -> &mut Self;

    /// An integer.
    fn integer(&mut self, value: i32) -> &mut Self;

    /// A uuid.
    fn uuid(&mut self, value: Uuid) -> &mut Self;

    /// A date.
    fn date(&mut self, value: NaiveDate) -> &mut Self;

    /// A timestamp without time zone, or null.
    fn timestamp(&mut self, value: Option<NaiveDateTime>) -> &mut Self;
}
