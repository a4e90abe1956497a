//! Runs one case: sends each operation to the log and to the model, and compares the answers.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use daybook_event_log::{AppendError, Appended, EventLog, Position, RecordedStream, Revision, StreamName};
use futures_util::StreamExt;

use super::asked::{Asked, Ids};
use super::operation::{After, Operation, Place, Wanted, Words, streams};
use super::plain::{Answer, Model};
use super::told::{collect, compare};
use crate::event_log::model::positions::Positions;

/// Maximum number of open followers. A new follower replaces the oldest.
const MAX_FOLLOWERS: usize = 3;

/// A position after every event.
const BEYOND: u64 = 1 << 60;

struct Follower {
    events: RecordedStream,
    wanted: Wanted,
    /// Index in the model of the first event that the follower has not seen.
    next: usize,
}

pub(super) struct Case {
    log: Arc<dyn EventLog>,
    model: Model,
    positions: Positions,
    ids: Ids,
    asked: Vec<Asked>,
    followers: Vec<Follower>,
}

impl Case {
    /// Starts with an empty log.
    pub(super) fn new(log: Arc<dyn EventLog>) -> Self {
        let (model, positions, ids) = (Model::default(), Positions::default(), Ids::default());
        Self { log, model, positions, ids, asked: Vec::new(), followers: Vec::new() }
    }

    /// Applies an operation. Fails if the answers of the log and the model differ.
    pub(super) async fn apply(&mut self, operation: &Operation) -> anyhow::Result<()> {
        match operation {
            Operation::Append { stream, place, events } => {
                let append = Asked::new(&self.model, &mut self.ids, stream, *place, events);
                self.append(append).await
            }
            Operation::Again { back, change } => {
                let asked = back.checked_rem(self.asked.len()).map(|back| self.asked.len() - 1 - back);
                let asked = asked.map(|index| self.asked[index].clone());
                match asked.and_then(|asked| asked.again(&self.model, &mut self.ids, change)) {
                    Some(append) => self.append(append).await,
                    None => Ok(()),
                }
            }
            Operation::ReadStream { stream, from } => self.read_stream(stream, *from).await,
            Operation::ReadAll { after, wanted } => self.read_all(*after, wanted).await,
            Operation::Follow { after, wanted } => self.follow(*after, wanted).await,
            Operation::Head => self.head().await,
        }
    }

    /// Appends one more event to every stream and then compares everything. Each follower must see one of these events,
    /// so an unexpected event before it is detected.
    pub(super) async fn finish(mut self) -> anyhow::Result<()> {
        let words = Words { kind: "SomethingEnded", payload: "{}", metadata: "{}" };
        for stream in streams() {
            self.apply(&Operation::Append { stream, place: Place::End, events: vec![words] }).await?;
        }
        self.catch_up().await?;
        for stream in streams() {
            self.read_stream(&stream, 0).await?;
        }
        self.head().await?;
        self.read_all(After::Start, &Wanted::All).await
    }

    async fn append(&mut self, append: Asked) -> anyhow::Result<()> {
        let Asked { stream, expected, events } = append.clone();
        let (wanted, index) = self.model.append(&stream, expected, &events);
        self.asked.push(append);
        let told = match self.log.append(&stream, expected, events.clone()).await {
            Ok(Appended { position, revision }) => {
                let index = index.with_context(|| format!("appended at {revision}, not {wanted:?}"))?;
                self.positions.see(index, position)?;
                Answer::Appended { revision: revision.get() }
            }
            Err(AppendError::RevisionConflict { expected, actual }) => {
                Answer::Conflict { expected, actual: actual.map(Revision::get) }
            }
            Err(error) => bail!("{wanted:?} has become {error:?}"),
        };
        ensure!(told == wanted, "{events:?} to {stream}, {expected:?}: {told:?}, not {wanted:?}");
        Ok(())
    }

    async fn read_stream(&mut self, stream: &StreamName, from: u64) -> anyhow::Result<()> {
        let told = collect(self.log.read_stream(stream, Revision::new(from)?).await?).await?;
        compare(&told, &self.model.read_stream(stream, from), &mut self.positions)
    }

    async fn read_all(&mut self, after: After, wanted: &Wanted) -> anyhow::Result<()> {
        let (after, next) = self.place(after)?;
        let told = collect(self.log.read_all(after, &wanted.filter()).await?).await?;
        compare(&told, &self.model.read(next, |event| wanted.wants(event.stream())), &mut self.positions)
    }

    /// Keeps the follower open, because it must also see later events.
    async fn follow(&mut self, after: After, wanted: &Wanted) -> anyhow::Result<()> {
        let (after, next) = self.place(after)?;
        let events = self.log.follow(after, &wanted.filter()).await?;
        self.followers.push(Follower { events, wanted: wanted.clone(), next });
        self.catch_up().await?;
        let surplus = self.followers.len().saturating_sub(MAX_FOLLOWERS);
        self.followers.drain(..surplus);
        Ok(())
    }

    async fn catch_up(&mut self) -> anyhow::Result<()> {
        for follower in &mut self.followers {
            follower.catch_up(&self.model, &mut self.positions).await?;
        }
        Ok(())
    }

    async fn head(&mut self) -> anyhow::Result<()> {
        let told = self.log.head().await?;
        let Some(last) = self.model.len().checked_sub(1) else {
            ensure!(told == Position::START, "an empty log ends at {told}");
            return Ok(());
        };
        self.positions.see(last, told)
    }

    /// Returns a position and the index of the first event after it.
    fn place(&self, after: After) -> anyhow::Result<(Position, usize)> {
        let start = (Position::START, 0);
        Ok(match after {
            After::Start => start,
            After::Event(back) => {
                self.positions.nth_last(back).map_or(start, |(index, position)| (position, index + 1))
            }
            After::Beyond => (Position::new(BEYOND, BEYOND)?, self.model.len()),
        })
    }
}

impl Follower {
    /// Takes as many events as the model has for this follower, and compares them with the model's.
    async fn catch_up(&mut self, model: &Model, positions: &mut Positions) -> anyhow::Result<()> {
        let wanted = model.read(self.next, |event| self.wanted.wants(event.stream()));
        self.next = model.len();
        let told = collect(self.events.by_ref().take(wanted.len())).await;
        told.and_then(|told| compare(&told, &wanted, positions))
            .with_context(|| format!("a follower of {:?}", self.wanted))
    }
}
