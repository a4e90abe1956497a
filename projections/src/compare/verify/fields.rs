//! The fields of a canonical reservation with their values, as reports compare and name them.

use crate::projection::canonical::Field;

/// Replaces a value that identifies a person.
pub const NOT_SHOWN: &str = "(not shown)";

/// The field name that stands for the whole reservation.
pub const WHOLE: &str = "reservation";

/// The fields of a canonical reservation with their values.
pub type Fields = Vec<(Field, String)>;

/// Finds a field by name.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a (Field, String)> {
    fields.iter().find(|(field, _)| field.name == name)
}

/// Names of the fields that both have and that differ.
pub fn differing_names(left: &Fields, right: &Fields) -> Vec<&'static str> {
    let pairs = left.iter().zip(right);
    pairs.filter(|((_, left), (_, right))| left != right).map(|((field, _), _)| field.name).collect()
}

/// The value of a field, or a word for a missing reservation or field.
pub(super) fn value_of<'a>(fields: Option<&'a Fields>, name: &str) -> &'a str {
    let Some(fields) = fields else { return "missing" };
    find(fields, name).map_or("there", |(_, value)| value)
}
