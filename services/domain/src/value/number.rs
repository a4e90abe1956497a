//! Ranges of numbers.

use super::{Range, Unit};

/// A range of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    pub min: u32,
    pub max: u32,
    pub unit: Unit,
}

impl Numbers {
    /// The range for messages.
    pub const fn range(self) -> Range {
        Range::Numbers(self)
    }

    /// Checks a number.
    pub fn check(self, number: u32) -> Result<(), Range> {
        if (self.min..=self.max).contains(&number) { Ok(()) } else { Err(self.range()) }
    }
}
