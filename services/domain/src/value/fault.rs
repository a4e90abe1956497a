//! Wrong values: every one of a command is reported, not only the first.

use std::borrow::Cow;
use std::fmt;

use super::Range;

/// A field with a value outside its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field's name in JSON, with its place in a list: `slots[1].maxConcurrent`.
    pub field: Cow<'static, str>,
    pub range: Range,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.range)
    }
}

/// All wrong values of a command, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults, in the order of the fields.
    pub fn into_inner(self) -> Vec<Fault> {
        self.0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(formatter, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Checks the values of a command and collects the faults.
#[derive(Debug, Default)]
pub struct Checks(Vec<Fault>);

impl Checks {
    /// Adds a fault unless the value is in its range.
    pub fn check(&mut self, field: impl Into<Cow<'static, str>>, checked: Result<(), Range>) -> &mut Self {
        if let Err(range) = checked {
            self.0.push(Fault { field: field.into(), range });
        }
        self
    }

    /// The same for an optional value.
    pub fn check_some<T>(
        &mut self,
        field: impl Into<Cow<'static, str>>,
        value: Option<T>,
        check: impl FnOnce(T) -> Result<(), Range>,
    ) -> &mut Self {
        self.check(field, value.map_or(Ok(()), check))
    }

    /// Fails if any value was wrong.
    pub fn finish(&mut self) -> Result<(), Faults> {
        match std::mem::take(&mut self.0) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(Faults(faults)),
        }
    }
}
