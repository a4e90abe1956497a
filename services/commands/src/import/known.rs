//! Which reservations there are already, and on which day: the log's at the start of a run, and then the run's own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::NaiveDate;
use daybook_domain::book::BookEvent;
use daybook_domain::{Event, ReservationId};
use daybook_event_log::{Category, EventLog, Filter, Position, Recorded, decode};
use futures_util::TryStreamExt;

use super::ImportError;
use super::report::Reason;

/// Reservations that a run may know of. They are kept in memory, about 100 bytes each.
const MAX_KNOWN: usize = 5_000_000;

/// The types of event that enter a reservation; others need not be read.
const ENTRIES: [&str; 2] = ["ReservationRequested", "ReservationImported"];

/// The reservations that are known.
pub(super) struct Known(HashMap<ReservationId, Whence>);

/// Where a reservation is known from.
#[derive(Clone, Copy)]
enum Whence {
    /// The log had it, on this day.
    Log(NaiveDate),
    /// An earlier row of the run.
    ThisRun,
}

/// What a row is.
pub(super) enum Standing {
    /// New.
    New,
    /// In the log as it is.
    AlreadyThere,
    /// Not to be taken.
    Rejected(Reason),
}

impl Known {
    /// What a clinic knows that begins.
    pub(super) fn nothing() -> Self {
        Self(HashMap::new())
    }

    /// Reads the log.
    pub(super) async fn read(log: &dyn EventLog) -> Result<Self, ImportError> {
        let mut known = Self(HashMap::new());
        let mut events = log.read_all(Position::START, &Filter::categories([Category::Daybook])).await?;
        while let Some(recorded) = events.try_next().await? {
            if ENTRIES.contains(&&*recorded.kind) {
                known.enter(&recorded)?;
            }
        }
        Ok(known)
    }

    fn enter(&mut self, recorded: &Recorded) -> Result<(), ImportError> {
        match decode(recorded)?.0 {
            Event::Book(BookEvent::ReservationRequested(e)) => self.insert(e.reservation, e.date),
            Event::Book(BookEvent::ReservationImported(e)) => self.insert(e.reservation, e.date),
            Event::Book(_) | Event::Catalog(_) | Event::Hours(_) | Event::Routing(_) | Event::Privacy(_) => {
                Ok(())
            }
        }
    }

    fn insert(&mut self, id: ReservationId, date: NaiveDate) -> Result<(), ImportError> {
        self.0.insert(id, Whence::Log(date));
        self.check_size()
    }

    fn check_size(&self) -> Result<(), ImportError> {
        if self.0.len() > MAX_KNOWN { Err(ImportError::TooManyRows { limit: MAX_KNOWN }) } else { Ok(()) }
    }

    /// Says what a row is, and notes that it came.
    pub(super) fn meet(&mut self, id: &ReservationId, date: NaiveDate) -> Result<Standing, ImportError> {
        let standing = match self.0.entry(id.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(Whence::ThisRun);
                Standing::New
            }
            Entry::Occupied(mut entry) => match *entry.get() {
                Whence::ThisRun => Standing::Rejected(Reason::DuplicateId),
                Whence::Log(there) if there == date => {
                    entry.insert(Whence::ThisRun);
                    Standing::AlreadyThere
                }
                Whence::Log(_) => Standing::Rejected(Reason::OnAnotherDay),
            },
        };
        self.check_size()?;
        Ok(standing)
    }
}
