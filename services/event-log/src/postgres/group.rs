//! One group of appends in one transaction, with one or two round trips.
//!
//! Two round trips if this writer does not know where the log ends. The first takes the lock and reads the
//! head and the last revisions of the group's streams. Then the appends are decided in order of arrival, and
//! the second inserts, notifies and commits. A conflict fails only its own append.
//!
//! One round trip if the writer's previous group has left that knowledge. The insert then does nothing unless
//! the head, under the lock, is still the expected one. If another process has written in between, the group
//! takes the two round trips. A conflict is never reported from memory alone.

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

/// Appends that one transaction holds.
pub const MAX_GROUP_APPENDS: usize = 256;

/// Bytes of payload and metadata that one transaction holds, unless a single append is larger.
pub const MAX_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// Time limit for a round trip.
pub(super) const GROUP_DEADLINE: Duration = Duration::from_secs(5);

/// An append that passed `check_append`.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) stream: StreamName,
    pub(super) expected: Expected,
    /// Where other streams have to end.
    pub(super) others: Vec<(StreamName, Expected)>,
    pub(super) events: Vec<NewEvent>,
    pub(super) keys: Vec<NewKey>,
    pub(super) bytes: usize,
}

impl Append {
    /// The streams whose ends decide it.
    fn streams(&self) -> impl Iterator<Item = &StreamName> {
        std::iter::once(&self.stream).chain(self.others.iter().map(|(other, _)| other))
    }
}

/// The outcome of one append.
pub(super) type AppendResult = Result<Appended, AppendError>;

/// Why a whole group has no outcome.
#[derive(Debug)]
pub(super) enum GroupError {
    /// Nothing of it was committed.
    NotCommitted(PostgresError),
    /// The commit was sent but not answered.
    Unknown(PostgresError),
}

/// A connection that writes, with its statements. Drop it after an error.
#[derive(Debug)]
pub(super) struct WriteSession {
    session: Session,
    lock: Statement,
    heads: Statement,
    insert: Statement,
    /// The state of the log after this writer's last group.
    known: Option<StreamHeads>,
    /// Groups that still take two round trips because another process writes too.
    slow_groups: u32,
}

/// Groups that take two round trips after another process has written.
const SLOW_GROUPS: u32 = 16;

/// Reads under the lock must see the latest commits, whatever the database's default isolation is.
const BEGIN_SQL: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

const LOCK_SQL: &str = "SELECT pg_advisory_xact_lock($1)";

const HEADS_SQL: &str = "\
    SELECT requested.stream, \
           (SELECT revision FROM event_log.events AS event WHERE event.stream = requested.stream \
            ORDER BY revision DESC LIMIT 1), \
           coalesce((SELECT max(position) FROM event_log.events), 0) \
    FROM unnest($1::text[]) AS requested (stream)";

/// Inserts if the head is the expected one. Only then it stores the keys and announces the new head.
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
        // A commit must be on disk before it is acknowledged, whatever the database's default. All lookups
        // use an index, and a plan made for a small table must not keep its sequential scan. A session that
        // stalls inside a transaction must not hold the lock.
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
        Ok(Self { session, lock, heads, insert, known: None, slow_groups: 0 })
    }

    /// Decides and commits a group. Results have the order of the appends.
    pub(super) async fn commit(
        &mut self,
        appends: &[&Append],
    ) -> Result<(Vec<AppendResult>, Announcement), GroupError> {
        self.slow_groups = self.slow_groups.saturating_sub(1);
        let known = self.known.take();
        let may_be_current = self.slow_groups == 0 && !self.session.client.is_closed();
        let known = match known.filter(|_| may_be_current) {
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

    /// Commits in one round trip. Returns `None` if nothing was inserted: either an append does not simply
    /// continue its stream, or another process has written.
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
            self.slow_groups = SLOW_GROUPS;
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

    /// First round trip. The lock is a statement of its own, so that the next one sees all that others
    /// committed.
    async fn begin(&self, appends: &[&Append]) -> Result<StreamHeads, PostgresError> {
        let streams = appends.iter().flat_map(|append| append.streams());
        let mut streams: Vec<&str> = streams.map(StreamName::as_str).collect();
        streams.sort_unstable();
        streams.dedup();
        let client = &self.session.client;
        let parameters: [&(dyn ToSql + Sync); 1] = [&streams];
        // Pipelined: sent in this order without waiting for answers.
        let (_, _, rows) = try_join3(
            client.batch_execute(BEGIN_SQL),
            client.execute(&self.lock, &[&APPEND_LOCK]),
            client.query(&self.heads, &parameters),
        )
        .await?;
        StreamHeads::from_rows(&rows)
    }

    /// Second round trip.
    async fn insert(&self, plan: &Plan<'_>) -> Result<(), GroupError> {
        let client = &self.session.client;
        let announced = plan.announcement().to_string();
        let values = values(plan, &announced);
        // Pipelined. If the insert fails, the commit after it rolls back.
        let answers = join(client.query(&self.insert, &values), client.batch_execute("COMMIT"));
        let (inserted, committed) = answered(GROUP_DEADLINE, answers).await?;
        let inserted = inserted.map_err(refused_or_unknown)?;
        committed.map_err(|error| GroupError::Unknown(error.into()))?;
        if inserted.is_empty() { Err(GroupError::NotCommitted(PostgresError::LockIgnored)) } else { Ok(()) }
    }

    /// The only round trip. Returns whether the head was the expected one; if not, nothing was done.
    async fn insert_at_once(&self, plan: &Plan<'_>) -> Result<bool, GroupError> {
        let client = &self.session.client;
        let announced = plan.announcement().to_string();
        let values = values(plan, &announced);
        // Pipelined. The lock is a statement of its own, so that the insert sees all that others committed.
        // If a statement fails, the commit after it rolls back.
        let answers = join4(
            client.batch_execute(BEGIN_SQL),
            client.execute(&self.lock, &[&APPEND_LOCK]),
            client.query(&self.insert, &values),
            client.batch_execute("COMMIT"),
        );
        // The server gives up waiting for the lock first, and its error proves that nothing was committed.
        let (begun, locked, inserted, committed) = answered(2 * GROUP_DEADLINE, answers).await?;
        begun.map_err(refused_or_unknown)?;
        locked.map_err(refused_or_unknown)?;
        let inserted = inserted.map_err(refused_or_unknown)?;
        committed.map_err(|error| GroupError::Unknown(error.into()))?;
        Ok(!inserted.is_empty())
    }

    /// The events recorded at the place of an append.
    async fn stored_events(&self, append: &Append) -> Result<Vec<plan::StoredEvent>, PostgresError> {
        let first = append.expected.first_revision();
        let end = first.plus(append.events.len() as u64);
        let sql = "SELECT revision, event_id, position FROM event_log.events \
                   WHERE stream = $1 AND revision >= $2 AND revision < $3 ORDER BY revision";
        let place: [&(dyn ToSql + Sync); 3] = [&append.stream.as_str(), &first.as_i64(), &end.as_i64()];
        let rows = self.session.client.query(sql, &place).await?;
        rows.iter().map(plan::StoredEvent::from_row).collect()
    }
}

/// Parameters of the insert: the plan's rows and the announcement.
fn values<'a>(plan: &'a Plan<'_>, announced: &'a String) -> Vec<&'a (dyn ToSql + Sync)> {
    let announcement: [&(dyn ToSql + Sync); 2] = [&CHANNEL, announced];
    plan.parameters().into_iter().chain(announcement).collect()
}

/// Waits for the answer to a commit.
async fn answered<T>(deadline: Duration, answers: impl Future<Output = T>) -> Result<T, GroupError> {
    let unanswered = |_| GroupError::Unknown(PostgresError::Deadline(deadline));
    tokio::time::timeout(deadline, answers).await.map_err(unanswered)
}

/// For a statement that failed before the commit.
fn refused_or_unknown(error: tokio_postgres::Error) -> GroupError {
    let error = PostgresError::from(error);
    if error.is_refusal() { GroupError::NotCommitted(error) } else { GroupError::Unknown(error) }
}
