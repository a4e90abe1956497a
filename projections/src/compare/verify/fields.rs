//! The fields of a canonical reservation with their values, as reports compare and name them.

use crate::projection::canonical::Field;

/// What a reader sees in place of what names somebody.
pub const NOT_SHOWN: &str = "(not shown)";

/// The field that stands for the reservation as a whole.
pub const WHOLE: &str = "reservation";

/// The fields of a fact with what they say.
pub type Fields = Vec<(Field, String)>;

/// The field of a name.
pub fn find<'a>(fields: &'a Fields, name: &str) -> Option<&'a (Field, String)> {
    fields.iter().find(|(field, _)| field.name == name)
}

/// The names of the fields that are in both and differ.
pub fn differing_names(left: &Fields, right: &Fields) -> Vec<&'static str> {
    let pairs = left.iter().zip(right);
    pairs.filter(|((_, left), (_, right))| left != right).map(|((field, _), _)| field.name).collect()
}

/// The value of a field; a word for what is missing where there is none.
pub(super) fn said<'a>(fields: Option<&'a Fields>, name: &str) -> &'a str {
    let Some(fields) = fields else { return "missing" };
    find(fields, name).map_or("there", |(_, value)| value)
}
