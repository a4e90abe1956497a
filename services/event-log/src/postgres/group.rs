//! One group of appends in one transaction, in one or two round trips.
//!
//! Two where it is not known how the log ends: first the lock, the head and the ends of the streams concerned; then,
//! decided here in the order of arrival, one insert with the notification and the commit. A conflict fails its own append
//! and no other.
//!
//! One where the last group of this writer tells how the log ends: all of it is sent at once, and the insert does nothing
//! unless the head, under the lock, is still the one that it rests on. Where another process wrote in between, nothing
//! stands and the group goes the longer way. A conflict is never told from memory.

mod plan;

use std::time::Duration;

use futures_util::future::{join, join4, try_join3};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Statement};

use super::connection::{Session, within};
use super::error::PostgresError;
use super::heads::Announcement;
use super::{APPEND_LOCK, CHANNEL};
use crate::port::{AppendError, Appended, Expected, NewEvent, NewKey, StreamName};
use plan::{Plan, StreamHeads};

/// Appends that one transaction takes.
pub const MAX_GROUP_APPENDS: usize = 256;

/// Bytes of payload and metadata that one transaction takes, unless a single append has more.
pub const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Longest time for one of a group's two round trips.
pub(super) const GROUP_DEADLINE: Duration = Duration::from_secs(5);

/// One append, checked.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) stream: StreamName,
    pub(super) expected: Expected,
    pub(super) events: Vec<NewEvent>,
    pub(super) keys: Vec<NewKey>,
    pub(super) bytes: usize,
}

/// What became of one append of a group that was decided.
pub(super) type AppendResult = Result<Appended, AppendError>;

/// What became of a group that was not.
#[derive(Debug)]
pub(super) enum GroupError {
    /// Nothing of it stands.
    NotCommitted(PostgresError),
    /// The commit was sent and no answer came.
    Unknown(PostgresError),
}

/// A connection that writes, with its statements. After an error it has to be dropped.
#[derive(Debug)]
pub(super) struct WriteSession {
    session: Session,
    lock: Statement,
    heads: Statement,
    insert: Statement,
    /// How this writer's last group left the log.
    known: Option<StreamHeads>,
    /// Groups that take the longer way because another process writes too.
    longer_way: u32,
}

/// Groups that take the longer way after another process was seen to write.
const LONGER_WAY_GROUPS: u32 = 16;

/// What is read under the lock must be read as it is then, whatever the database's default.
const BEGIN_SQL: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const LOCK_SQL: &str = "SELECT pg_advisory_xact_lock($1)";

const HEADS_SQL: &str = "\
    SELECT wanted.stream, \
           (SELECT revision FROM event_log.events AS event WHERE event.stream = wanted.stream \
            ORDER BY revision DESC LIMIT 1), \
           coalesce((SELECT max(position) FROM event_log.events), 0) \
    FROM unnest($1::text[]) AS wanted (stream)";

/// Inserts where the head is the expected one; where it has, keeps the keys of what was sealed and announces the new head.
const INSERT_SQL: &str = "\
    WITH inserted AS ( \
        INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata) \
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::json[], $7::json[]) \
        WHERE $8 = (SELECT coalesce(max(position), 0) FROM event_log.events) RETURNING 1 \
    ), kept AS ( \
        INSERT INTO privacy.keys (key_id, subject, wrapped_key) \
        SELECT * FROM unnest($9::uuid[], $10::bytea[], $11::bytea[]) WHERE EXISTS (SELECT FROM inserted) \
    ) SELECT pg_notify($12, $13) FROM inserted LIMIT 1";

impl WriteSession {
    pub(super) async fn open(config: &Config) -> Result<Self, PostgresError> {
        let session = Session::open(config, "daybook writer").await?;
        within(GROUP_DEADLINE, Self::prepare(session)).await
    }

    async fn prepare(session: Session) -> Result<Self, PostgresError> {
        let client = &session.client;
        let deadline = GROUP_DEADLINE.as_millis();
        // A commit must be on disk before it is acknowledged, whatever the database's default. All lookups are by
        // index; a plan made while the table was small must not stay a scan. A session that went silent in the middle
        // of a transaction must not hold the lock.
        let settings = format!(
            "SET statement_timeout = {deadline}; SET idle_in_transaction_session_timeout = {deadline}; \
             SET enable_seqscan = off; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        );
        client.batch_execute(&settings).await?;
        let (lock, heads, insert) =
            try_join3(client.prepare(LOCK_SQL), client.prepare(HEADS_SQL), client.prepare(INSERT_SQL))
                .await?;
        Ok(Self { session, lock, heads, insert, known: None, longer_way: 0 })
    }

    /// Decides and commits a group. Verdicts come in the order of the appends, and with them what the commit announced.
    pub(super) async fn commit(
        &mut self,
        appends: &[&Append],
    ) -> Result<(Vec<AppendResult>, Announcement), GroupError> {
        self.longer_way = self.longer_way.saturating_sub(1);
        let known = self.known.take();
        let is_worth_a_try = self.longer_way == 0 && !self.session.client.is_closed();
        let known = match known.filter(|_| is_worth_a_try) {
            Some(known) if known.covers(appends) => match self.commit_at_once(known, appends).await? {
                Some(committed) => return Ok(committed),
                None => None,
            },
            known => known,
        };
        let (plan, results) =
            within(GROUP_DEADLINE, self.decide(appends)).await.map_err(GroupError::NotCommitted)?;
        let announcement = plan.announcement();
        if plan.is_empty() {
            let ended = self.session.client.batch_execute("ROLLBACK");
            within(GROUP_DEADLINE, ended).await.map_err(GroupError::NotCommitted)?;
        } else {
            self.insert(&plan).await?;
        }
        self.known = Some(plan.into_heads(known));
        Ok((results, announcement))
    }

    /// All in one round trip. None where nothing was sent because an append does not simply go on where its stream is known
    /// to end, or where nothing was done because another process has written: then it has to be looked at.
    async fn commit_at_once(
        &mut self,
        known: StreamHeads,
        appends: &[&Append],
    ) -> Result<Option<(Vec<AppendResult>, Announcement)>, GroupError> {
        let mut plan = Plan::new(known);
        let mut results = Vec::with_capacity(appends.len());
        for append in appends {
            match plan.decide(append) {
                Some(Ok(appended)) => results.push(Ok(appended)),
                Some(Err(_)) | None => return Ok(None),
            }
        }
        if !self.insert_at_once(&plan).await? {
            self.longer_way = LONGER_WAY_GROUPS;
            return Ok(None);
        }
        let announcement = plan.announcement();
        self.known = Some(plan.into_heads(None));
        Ok(Some((results, announcement)))
    }

    async fn decide<'a>(
        &self,
        appends: &[&'a Append],
    ) -> Result<(Plan<'a>, Vec<AppendResult>), PostgresError> {
        let mut plan = Plan::new(self.begin(appends).await?);
        let mut results = Vec::with_capacity(appends.len());
        for append in appends {
            results.push(match plan.decide(append) {
                Some(result) => result,
                None => {
                    let stored_events = self.stored_events(append).await?;
                    plan.compare(append, &stored_events)
                }
            });
        }
        Ok((plan, results))
    }

    /// First round trip. The lock is a statement of its own, so that what follows sees all that others committed.
    async fn begin(&self, appends: &[&Append]) -> Result<StreamHeads, PostgresError> {
        let mut streams: Vec<&str> = appends.iter().map(|append| append.stream.as_str()).collect();
        streams.sort_unstable();
        streams.dedup();
        let client = &self.session.client;
        let wanted: [&(dyn ToSql + Sync); 1] = [&streams];
        // Sent in this order without waiting for answers.
        let (_, _, rows) = try_join3(
            client.batch_execute(BEGIN_SQL),
            client.execute(&self.lock, &[&APPEND_LOCK]),
            client.query(&self.heads, &wanted),
        )
        .await?;
        StreamHeads::read(&rows)
    }

    /// Second round trip.
    async fn insert(&self, plan: &Plan<'_>) -> Result<(), GroupError> {
        let client = &self.session.client;
        let announced = plan.announcement().to_string();
        let values = values(plan, &announced);
        // Sent in this order without waiting for answers. Where one fails, the commit behind it is a rollback.
        let answers = join(client.query(&self.insert, &values), client.batch_execute("COMMIT"));
        let (inserted, committed) = answered(GROUP_DEADLINE, answers).await?;
        let inserted = inserted.map_err(refused_or_unknown)?;
        committed.map_err(|error| GroupError::Unknown(error.into()))?;
        if inserted.is_empty() { Err(GroupError::NotCommitted(PostgresError::LockIgnored)) } else { Ok(()) }
    }

    /// The only round trip. Whether the log ended as the plan supposes; if not, nothing was done.
    async fn insert_at_once(&self, plan: &Plan<'_>) -> Result<bool, GroupError> {
        let client = &self.session.client;
        let announced = plan.announcement().to_string();
        let values = values(plan, &announced);
        // Sent in this order without waiting for answers. The lock is a statement of its own, so that the insert sees all
        // that others committed. Where one fails, the commit behind it is a rollback.
        let answers = join4(
            client.batch_execute(BEGIN_SQL),
            client.execute(&self.lock, &[&APPEND_LOCK]),
            client.query(&self.insert, &values),
            client.batch_execute("COMMIT"),
        );
        // The server gives up on the lock first, and says so: then it is known that nothing stands.
        let (begun, locked, inserted, committed) = answered(2 * GROUP_DEADLINE, answers).await?;
        begun.map_err(refused_or_unknown)?;
        locked.map_err(refused_or_unknown)?;
        let inserted = inserted.map_err(refused_or_unknown)?;
        committed.map_err(|error| GroupError::Unknown(error.into()))?;
        Ok(!inserted.is_empty())
    }

    /// Ids and positions of what stands at the place of an append.
    async fn stored_events(&self, append: &Append) -> Result<Vec<plan::StoredEvent>, PostgresError> {
        let first = append.expected.first_revision();
        let end = first.plus(append.events.len() as u64);
        let sql = "SELECT revision, event_id, position FROM event_log.events \
                   WHERE stream = $1 AND revision >= $2 AND revision < $3 ORDER BY revision";
        let place: [&(dyn ToSql + Sync); 3] = [&append.stream.as_str(), &first.as_i64(), &end.as_i64()];
        let rows = self.session.client.query(sql, &place).await?;
        rows.iter().map(plan::StoredEvent::read).collect()
    }
}

/// The insert's values: the plan's rows, and what is announced.
fn values<'a>(plan: &'a Plan<'_>, announced: &'a String) -> Vec<&'a (dyn ToSql + Sync)> {
    let announcement: [&(dyn ToSql + Sync); 2] = [&CHANNEL, announced];
    plan.parameters().into_iter().chain(announcement).collect()
}

/// Waits for answers to what ends with a commit.
async fn answered<T>(deadline: Duration, answers: impl Future<Output = T>) -> Result<T, GroupError> {
    let unanswered = |_| GroupError::Unknown(PostgresError::Deadline(deadline));
    tokio::time::timeout(deadline, answers).await.map_err(unanswered)
}

/// What became of a group of which a statement before the commit failed.
fn refused_or_unknown(error: tokio_postgres::Error) -> GroupError {
    let error = PostgresError::from(error);
    if error.is_refusal() { GroupError::NotCommitted(error) } else { GroupError::Unknown(error) }
}
