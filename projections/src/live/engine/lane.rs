//! A lane: live generations at one position, which advance together, and the events from there on. Usually both views are in
//! one lane.

use std::time::Instant;

use daybook_event_log::{Filter, Position, RecordedEvent};

use super::batch::{BatchSize, EventFeed};
use super::{Engine, SetAside};
use crate::control::error::ViewError;
use crate::control::generation::GenerationStatus;
use crate::control::ids::Generation;
use crate::control::leader::Session;
use crate::live::projector::{Projector, Unwritten};

pub(super) struct Lane {
    pub(super) projector: Projector,
    pub(super) feed: EventFeed,
    size: BatchSize,
}

impl Lane {
    /// A lane of the live generations that are at a position and not set aside.
    pub(super) async fn open(
        engine: &Engine,
        session: &mut Session,
        statuses: &[GenerationStatus],
        aside: &SetAside,
        at: Position,
    ) -> Result<Self, ViewError> {
        let own = statuses.iter().filter(|status| status.position == at && aside.is_due(status.generation));
        let own: Vec<Generation> = own.map(|status| status.generation).collect();
        let transaction = session.begin().await?;
        let projector = Projector::at(&engine.log, &engine.vault, &transaction, &own, at).await?;
        transaction.rollback().await?;
        Ok(Self {
            projector: projector.beside(statuses.iter().map(|status| status.generation)),
            feed: EventFeed::new(engine.log.follow(at, &Filter::all()).await?),
            size: BatchSize::new(),
        })
    }

    /// Applies the batch that begins with an event, up to a stop. Returns the generations that could not be written.
    pub(super) async fn advance(
        &mut self,
        engine: &Engine,
        session: &mut Session,
        first: RecordedEvent,
        stop: Option<Position>,
        aside: &SetAside,
    ) -> Result<Vec<Unwritten>, ViewError> {
        let mut batch = vec![first];
        self.feed.fill(&mut batch, &self.size, stop)?;
        let since = Instant::now();
        let mode = aside.mode(self.projector.generations(), self.projector.position());
        let unwritten = tokio::select! {
            moved = self.projector.move_live(session, &batch, mode) => moved?,
            never = self.feed.fetch_ahead() => match never {},
        };
        self.size.adjust(batch.len(), since.elapsed());
        engine.batches.report(batch.len(), since.elapsed());
        Ok(unwritten)
    }
}
