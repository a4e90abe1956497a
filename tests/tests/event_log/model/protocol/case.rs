//! Runs one case: sends each operation to the server and to the model, and compares the answers.

use anyhow::{Context, ensure};
use daybook_event_log::Position;
use eventstore::{
    ExpectedRevision, RecordedEvent, StreamPosition, SubscribeToAllOptions, SubscribeToStreamOptions,
};

use super::asked::{Asked, Ids, expected};
use super::node::{Node, position, wire};
use super::operation::{Content, Expecting, KINDS, Operation, STREAMS, Way, Words};
use super::plain::{Absence, Answer, Event, Model, in_order};
use super::sieve::Sieve;
use super::subscriber::Subscriber;
use crate::event_log::model::positions::Positions;

/// Maximum number of open subscriptions. A new subscription replaces the oldest.
const MAX_SUBSCRIPTIONS: usize = 3;

/// A stream that no operation uses.
const LAST_STREAM: &str = "alphabet-end";

/// A live subscription to all streams.
struct Follower {
    subscriber: Subscriber,
    sieve: Option<Sieve>,
    /// Index in the model of the first event that the subscription has not sent.
    next: usize,
}

pub(super) struct Case {
    node: Node,
    model: Model,
    positions: Positions,
    ids: Ids,
    asked: Vec<Asked>,
    followers: Vec<Follower>,
}

impl Case {
    /// Starts with a server that has no user events.
    pub(super) fn new(node: Node) -> Self {
        let (model, positions, ids) = (Model::default(), Positions::default(), Ids::default());
        Self { node, model, positions, ids, asked: Vec::new(), followers: Vec::new() }
    }

    /// Applies an operation. Fails if the answers of the server and the model differ.
    pub(super) async fn apply(&mut self, operation: &Operation) -> anyhow::Result<()> {
        match operation {
            Operation::Append { stream, expecting, events } => {
                let expected = expected(&self.model, stream, *expecting);
                let append = Asked::new(&mut self.ids, stream, expected, events);
                self.append(append).await
            }
            Operation::Again { back, expecting, change } => {
                let asked = back.checked_rem(self.asked.len()).map(|back| self.asked.len() - 1 - back);
                let asked = asked.map(|index| self.asked[index].clone());
                match asked.and_then(|asked| asked.again(&self.model, &mut self.ids, *expecting, *change)) {
                    Some(append) => self.append(append).await,
                    None => Ok(()),
                }
            }
            Operation::Delete { stream, expecting } => {
                self.delete(stream, expected(&self.model, stream, *expecting)).await
            }
            Operation::Tombstone { stream, expecting } => {
                self.tombstone(stream, expected(&self.model, stream, *expecting)).await
            }
            Operation::ReadStream { stream, way, from, count } => {
                self.read_stream(stream, *way, *from, count.unwrap_or(usize::MAX)).await
            }
            Operation::ReadAll { way, from, count } => {
                self.read_all(*way, *from, count.unwrap_or(usize::MAX)).await
            }
            Operation::SubscribeToStream { stream, after } => self.subscribe_to(stream, *after).await,
            Operation::SubscribeToAll { after, sieve } => self.subscribe_to_all(*after, sieve.clone()).await,
        }
    }

    /// Appends one event of each type and then compares everything. Most subscriptions must send one of these events,
    /// so an unexpected event before it is detected.
    pub(super) async fn finish(mut self) -> anyhow::Result<()> {
        let words = KINDS.map(|kind| Words { kind, content: Content::Json("{}"), metadata: "" });
        let (stream, expecting, events) = (LAST_STREAM, Expecting::NoStream, words.to_vec());
        self.apply(&Operation::Append { stream, expecting, events }).await?;
        self.catch_up().await?;
        for stream in STREAMS {
            self.read_stream(stream, Way::Forwards, None, usize::MAX).await?;
            self.subscribe_to(stream, None).await?;
        }
        self.read_all(Way::Backwards, None, usize::MAX).await
    }

    async fn append(&mut self, append: Asked) -> anyhow::Result<()> {
        let Asked { stream, expected, events } = append.clone();
        let (wanted, index) = self.model.append(stream, expected, &events);
        self.asked.push(append);
        let (told, at) = self.node.append(stream, expected, &events).await?;
        ensure!(told == wanted, "{events:?} to {stream}, {expected:?}: {told:?}, not {wanted:?}");
        index.zip(at).map_or(Ok(()), |(index, at)| self.positions.see(index, at))
    }

    async fn delete(&mut self, stream: &str, expected: ExpectedRevision) -> anyhow::Result<()> {
        let wanted = self.model.delete(stream, expected);
        let (told, at) = self.node.delete(stream, expected).await?;
        ensure!(told == unless_conflict(wanted), "{stream}, {expected:?}: {told:?}, not {wanted:?}");
        let last = self.positions.nth_last(0).map(|(_, last)| last);
        ensure!(at.is_none_or(|at| Some(at) > last), "deleted at {at:?}, which is not after {last:?}");
        Ok(())
    }

    async fn tombstone(&mut self, stream: &str, expected: ExpectedRevision) -> anyhow::Result<()> {
        let (wanted, index) = self.model.tombstone(stream, expected);
        let (told, at) = self.node.tombstone(stream, expected).await?;
        ensure!(told == unless_conflict(wanted), "{stream}, {expected:?}: {told:?}, not {wanted:?}");
        index.zip(at).map_or(Ok(()), |(index, at)| self.positions.see(index, at))
    }

    async fn read_stream(
        &mut self,
        stream: &str,
        way: Way,
        from: Option<u64>,
        count: usize,
    ) -> anyhow::Result<()> {
        let told = self.node.read_stream(stream, way, from, count).await?;
        let wanted = self.model.visible(stream).map(|mut events| {
            events.retain(|(_, event)| match way {
                Way::Forwards => from.is_none_or(|from| event.revision >= from),
                Way::Backwards => from.is_none_or(|from| event.revision <= from),
            });
            in_order(way, events).into_iter().take(count).collect::<Vec<_>>()
        });
        compare(told, wanted, &mut self.positions)
    }

    /// A forward read includes the event at its position; a backward read excludes it.
    async fn read_all(&mut self, way: Way, from: Option<usize>, count: usize) -> anyhow::Result<()> {
        let from = from.and_then(|back| self.positions.nth_last(back));
        let told = self.node.read_all(way, from.map(|(_, at)| at), count).await?;
        let mut wanted = self.model.all(|_| true);
        wanted.retain(|(index, _)| match way {
            Way::Forwards => from.is_none_or(|(from, _)| *index >= from),
            Way::Backwards => from.is_none_or(|(from, _)| *index < from),
        });
        let mut wanted = in_order(way, wanted);
        ensure!(told.len() <= count, "{} events, {count} were wanted", told.len());
        let is_full = told.len() == count;
        let told = without_system(told);
        if is_full {
            // System events count towards the limit, but the model does not contain them.
            wanted.truncate(told.len());
        }
        compare(Ok(told), Ok(wanted), &mut self.positions)
    }

    async fn subscribe_to(&mut self, stream: &str, after: Option<u64>) -> anyhow::Result<()> {
        let place = after.map_or(StreamPosition::Start, StreamPosition::Position);
        let options = SubscribeToStreamOptions::default().start_from(place);
        let subscription = self.node.client().subscribe_to_stream(stream, &options).await;
        let told = Subscriber::new(subscription, Position::START).catch_up().await?;
        let wanted = match self.model.visible(stream) {
            // The subscription waits for the first event of the stream.
            Err(Absence::NotFound) => Ok(Vec::new()),
            visible => visible,
        };
        let wanted = wanted.map(|mut events| {
            events.retain(|(_, event)| after.is_none_or(|after| event.revision > after));
            events
        });
        compare(told, wanted, &mut self.positions)
    }

    /// Keeps the subscription open, because it must also send later events.
    async fn subscribe_to_all(&mut self, after: Option<usize>, sieve: Option<Sieve>) -> anyhow::Result<()> {
        let after = after.and_then(|back| self.positions.nth_last(back));
        let place = after.map_or(StreamPosition::Start, |(_, at)| StreamPosition::Position(wire(at)));
        let options = SubscribeToAllOptions::default().position(place);
        let options = match &sieve {
            Some(sieve) => options.filter(sieve.filter()),
            None => options,
        };
        let subscription = self.node.client().subscribe_to_all(&options).await;
        let mut subscriber = Subscriber::new(subscription, after.map_or(Position::START, |(_, at)| at));
        let told = subscriber.catch_up().await?.map(without_system);
        let mut follower = Follower { subscriber, sieve, next: after.map_or(0, |(index, _)| index + 1) };
        compare(told, Ok(follower.wanted(&self.model)), &mut self.positions)?;
        follower.next = self.model.len();
        self.catch_up().await?;
        self.followers.push(follower);
        let surplus = self.followers.len().saturating_sub(MAX_SUBSCRIPTIONS);
        self.followers.drain(..surplus);
        Ok(())
    }

    async fn catch_up(&mut self) -> anyhow::Result<()> {
        for follower in &mut self.followers {
            let wanted = follower.wanted(&self.model);
            let outcome = follower.take(wanted.len()).await;
            outcome
                .and_then(|told| compare(Ok(told), Ok(wanted), &mut self.positions))
                .with_context(|| format!("a subscription with {:?}", follower.sieve))?;
            follower.next = self.model.len();
        }
        Ok(())
    }
}

impl Follower {
    /// Returns the events that the subscription has not sent yet.
    fn wanted<'a>(&self, model: &'a Model) -> Vec<(usize, &'a Event)> {
        let passes =
            |event: &Event| self.sieve.as_ref().is_none_or(|sieve| sieve.passes(&event.stream, &event.kind));
        model.all(passes).into_iter().filter(|(index, _)| *index >= self.next).collect()
    }

    /// Takes the next `count` events, not counting system events.
    async fn take(&mut self, count: usize) -> anyhow::Result<Vec<RecordedEvent>> {
        let mut events = Vec::new();
        while events.len() < count {
            events.extend(without_system(self.subscriber.take(count - events.len()).await?));
        }
        Ok(events)
    }
}

/// Drops a conflict, because the client's error for a deletion does not contain the current revision.
fn unless_conflict(answer: Answer) -> Option<Answer> {
    match answer {
        Answer::Conflict { .. } => None,
        Answer::Appended { .. } | Answer::Deleted | Answer::Gone => Some(answer),
    }
}

/// Removes the events of system streams.
fn without_system(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    events.retain(|event| !event.stream_id.starts_with('$'));
    events
}

/// Compares the events and checks their positions. Fails if anything differs.
fn compare(
    told: Result<Vec<RecordedEvent>, Absence>,
    wanted: Result<Vec<(usize, &Event)>, Absence>,
    positions: &mut Positions,
) -> anyhow::Result<()> {
    let events = told.as_ref().map(|told| told.iter().map(Event::from).collect::<Vec<_>>());
    let model = wanted.as_ref().map(|wanted| wanted.iter().map(|(_, event)| (*event).clone()).collect());
    ensure!(events == model, "told:\n  {events:?}\nwanted:\n  {model:?}");
    let (Ok(told), Ok(wanted)) = (told, wanted) else { return Ok(()) };
    told.iter().zip(wanted).try_for_each(|(told, (index, _))| positions.see(index, position(told.position)?))
}
