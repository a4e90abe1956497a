//! How many more entries each page would take, for a run that appends nothing.

use std::collections::HashMap;

use chrono::NaiveDate;
use daybook_domain::schedule::MAX_DAY_ENTRIES;

use super::ImportError;
use daybook_commands::Commands;

/// Room on pages, reckoned from the log as it is.
pub(super) struct Capacity<'a> {
    commands: Option<&'a Commands>,
    left: HashMap<NaiveDate, usize>,
}

impl<'a> Capacity<'a> {
    /// That of a clinic; without one, of blank pages.
    pub(super) fn of(commands: Option<&'a Commands>) -> Self {
        Self { commands, left: HashMap::new() }
    }

    /// Those of the clinic, where there is one.
    pub(super) const fn commands(&self) -> Option<&'a Commands> {
        self.commands
    }

    /// Takes room for an entry; says whether there was any.
    pub(super) async fn take(&mut self, date: NaiveDate) -> Result<bool, ImportError> {
        let left = match self.left.get(&date) {
            Some(left) => *left,
            None => MAX_DAY_ENTRIES.saturating_sub(self.entries(date).await?),
        };
        self.left.insert(date, left.saturating_sub(1));
        Ok(left > 0)
    }

    async fn entries(&self, date: NaiveDate) -> Result<usize, ImportError> {
        match self.commands {
            Some(commands) => Ok(commands.day_schedule(date).await?.len()),
            None => Ok(0),
        }
    }
}
