//! A reservation as a view's table contains it: one type per view, and the trait of both.
//!
//! Each view derives its row in its own way and shares nothing below this trait, so that comparing the views means
//! something. A live view writes rows as JSON, a rebuild writes them with COPY.

pub(crate) mod dynamic;
pub(crate) mod legacy;

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::{ReadModel, SubjectId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::projection::canonical::CanonicalReservation;
use crate::projection::change::{Change, EventMeta, NewReservation};
use crate::projection::reference::Reference;

/// A view's row of one reservation.
pub(crate) trait ReservationRow: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The view.
    const MODEL: ReadModel;

    /// The table's columns in the order of [`Self::write_columns`].
    const COLUMNS: &'static [&'static str];

    /// The row of a new reservation.
    fn create(id: SmolStr, contents: &NewReservation) -> Self;

    /// Applies a change.
    fn change(&mut self, change: &Change, meta: &EventMeta);

    /// Erases everything that identifies the patient.
    fn erase(&mut self);

    /// The reservation's id.
    fn id(&self) -> &str;

    /// The reservation's day.
    fn date(&self) -> NaiveDate;

    /// The patient.
    fn subject(&self) -> SubjectId;

    /// The canonical reservation. The view's reference data names the service.
    fn canonical<'a>(&'a self, reference: &'a Reference) -> CanonicalReservation<'a>;

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
