//! A day schedule in memory, with the revision and position up to which it was read. It holds only durable events.

use chrono::NaiveDate;
use daybook_domain::Event;
use daybook_domain::schedule::{DaySchedule, ScheduleEvent};
use daybook_event_log::{Appended, EventLog, Expected, Position, RecordedEvent, Revision, StreamName};
use futures_util::TryStreamExt;

use crate::decoder::{EventDecoder, LeftOut};
use crate::error::CommandError;

/// A day schedule and where it stands in the log.
#[derive(Debug)]
pub(super) struct LoadedSchedule {
    pub(super) stream: StreamName,
    pub(super) schedule: DaySchedule,
    head: Option<Revision>,
    /// Whether the stream was ever read to its end.
    pub(super) is_loaded: bool,
    /// Position of the last applied event.
    pub(super) position: Position,
    /// The discarded events that it does not contain.
    left_out: LeftOut,
}

impl LoadedSchedule {
    /// The state before anything was read.
    pub(super) fn new(date: NaiveDate) -> Self {
        Self {
            stream: StreamName::page(date),
            schedule: DaySchedule::empty(date),
            head: None,
            is_loaded: false,
            position: Position::START,
            left_out: LeftOut::default(),
        }
    }

    /// Starts over if other events of the day are discarded now than those that it left out.
    pub(super) fn leave_out_discarded(&mut self, decoder: &EventDecoder) {
        let left_out = decoder.left_out(&self.stream);
        if self.left_out != left_out {
            *self = Self { left_out, ..Self::new(self.schedule.date) };
        }
    }

    /// The revision that an append based on this state expects.
    pub(super) fn expected(&self) -> Expected {
        Expected::after(self.head)
    }

    /// Reads and applies the events after the known revision.
    pub(super) async fn catch_up(
        &mut self,
        log: &dyn EventLog,
        decoder: &EventDecoder,
    ) -> Result<(), CommandError> {
        self.leave_out_discarded(decoder);
        let mut events = log.read_stream(&self.stream, self.expected().first_revision()).await?;
        while let Some(recorded) = events.try_next().await? {
            self.ingest(&recorded, decoder.decode(&recorded).await?.map(|(event, _)| event));
        }
        self.is_loaded = true;
        Ok(())
    }

    /// Applies an event; `None` if it is left out.
    fn ingest(&mut self, recorded: &RecordedEvent, event: Option<Event>) {
        match event {
            Some(Event::Schedule(event)) => self.schedule.evolve(&event),
            // These belong to other streams and say nothing about a day.
            Some(
                Event::Catalog(_)
                | Event::Hours(_)
                | Event::Routing(_)
                | Event::Privacy(_)
                | Event::Idempotency(_)
                | Event::Access(_),
            )
            | None => {}
        }
        self.head = Some(recorded.revision);
        self.position = recorded.position;
    }

    /// Applies events of this worker's own append.
    pub(super) fn apply(&mut self, events: &[ScheduleEvent]) {
        events.iter().for_each(|event| self.schedule.evolve(event));
    }

    /// Sets the head to the end of this worker's own append.
    pub(super) fn set_head(&mut self, appended: Appended) {
        self.head = Some(appended.revision);
        self.position = appended.position;
    }
}
