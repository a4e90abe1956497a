//! The free entries of each day, for a rehearsal, which appends nothing that would fill them. Bookings of strangers have their
//! own.

use std::collections::HashMap;

use chrono::NaiveDate;
use daybook_commands::Commands;
use daybook_domain::Status;
use daybook_domain::schedule::MAX_DAY_ENTRIES;

use super::ImportError;

/// Free entries by day.
pub(super) struct Capacity<'a> {
    /// `None` for a new clinic, in which all days are empty.
    pub(super) commands: Option<&'a Commands>,
    free: HashMap<NaiveDate, usize>,
}

impl<'a> Capacity<'a> {
    pub(super) fn new(commands: Option<&'a Commands>) -> Self {
        Self { commands, free: HashMap::new() }
    }

    /// Takes an entry of a day and returns whether one was free. A booking that is over takes none.
    pub(super) async fn take(&mut self, date: NaiveDate, status: Status) -> Result<bool, ImportError> {
        if !status.is_open() {
            return Ok(true);
        }
        let free = match (self.free.get(&date), self.commands) {
            (Some(free), _) => *free,
            (None, Some(commands)) => {
                MAX_DAY_ENTRIES.saturating_sub(commands.day_schedule(date).await?.open_of_clinic())
            }
            (None, None) => MAX_DAY_ENTRIES,
        };
        self.free.insert(date, free.saturating_sub(1));
        Ok(free > 0)
    }
}
