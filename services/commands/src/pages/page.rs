//! A page as far as its events were read, and where it ends in the log.

use chrono::NaiveDate;
use daybook_domain::Event;
use daybook_domain::schedule::{DaySchedule, ScheduleEvent};
use daybook_event_log::{
    Appended, EventLog, Expected, Position, RecordedEvent, Revision, StreamName, decode,
};
use futures_util::TryStreamExt;

use crate::error::CommandError;

/// A page in memory. It holds only what is durable.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) stream: StreamName,
    pub(super) book: DaySchedule,
    last: Option<Revision>,
    /// Whether it was ever read to the end.
    pub(super) is_read: bool,
    /// Position of the last event that was taken in.
    pub(super) position: Position,
}

impl Page {
    /// Nothing read yet.
    pub(super) fn unread(date: NaiveDate) -> Self {
        Self {
            stream: StreamName::page(date),
            book: DaySchedule::blank(date),
            last: None,
            is_read: false,
            position: Position::START,
        }
    }

    /// Where the log must end for an append to rest on this state.
    pub(super) fn expected(&self) -> Expected {
        Expected::after(self.last)
    }

    /// Takes in what was appended since; says whether that was anything.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<bool, CommandError> {
        let before = self.last;
        let mut events = log.read_stream(&self.stream, self.expected().first_revision()).await?;
        while let Some(recorded) = events.try_next().await? {
            self.take_in(&recorded)?;
        }
        self.is_read = true;
        Ok(self.last != before)
    }

    fn take_in(&mut self, recorded: &RecordedEvent) -> Result<(), CommandError> {
        match decode(recorded)?.0 {
            Event::Schedule(event) => self.book.evolve(&event),
            // Nothing else is ever written here; if it were, it would not concern the book.
            Event::Catalog(_) | Event::Hours(_) | Event::Routing(_) | Event::Privacy(_) => {}
        }
        self.last = Some(recorded.revision);
        self.position = recorded.position;
        Ok(())
    }

    /// Takes in events of this worker's own append.
    pub(super) fn evolve(&mut self, events: &[ScheduleEvent]) {
        events.iter().for_each(|event| self.book.evolve(event));
    }

    /// Notes where this worker's own append ended.
    pub(super) fn ends_at(&mut self, appended: Appended) {
        self.last = Some(appended.revision);
        self.position = appended.position;
    }
}
