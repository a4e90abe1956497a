//! Commands that an idempotency key names: the key is claimed for the whole request before the day schedule decides.
//!
//! The key and the day schedule are two streams, and no append covers both. The order makes up for that:
//!
//! 1. A trial decision. A request that would be rejected claims nothing, so rejected requests do not fill the log.
//! 2. The claim, at the exact revision of the key's stream. Of two different requests one succeeds, in any process.
//! 3. The decision and its append, under ids that the request determines, so that a repetition finds its own effect.
//! 4. If that is rejected after all, because the day has changed since the trial, the release of the key.
//!
//! A crash after step 2 leaves a claim without an effect: the same request still succeeds, and another one needs a new
//! key. Two attempts at the same request claim twice, and then neither releases, because the other may have succeeded.

use chrono::NaiveDate;
use daybook_domain::idempotency::{IdempotencyEvent, KeyReused, KeyState};
use daybook_domain::schedule::Rejection;
use daybook_domain::{Event, RequestFingerprint};
use daybook_event_log::{AppendError, EventId, Expected, NewEvent, Revision, StreamName, encode};
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::Commands;
use crate::append::append;
use crate::day_schedules::{BatchOutcome, CommandBatch};
use crate::error::CommandError;
use crate::ids::IdempotencyKey;
use crate::origin::Origin;

/// Maximum number of attempts to claim a key that other requests claim at the same time.
const MAX_CONFLICTS: u32 = 8;

/// A key as the log knows it, and the request that it came with.
pub(super) struct KeyedRequest {
    stream: StreamName,
    fingerprint: RequestFingerprint,
    /// The fingerprint that an earlier release gave to the same request, if it was another one.
    former: Option<RequestFingerprint>,
}

impl KeyedRequest {
    pub(super) fn with_former(self, former: Option<RequestFingerprint>) -> Self {
        Self { former, ..self }
    }

    /// The day schedule compares what was recorded, so the former fingerprint need not be exact.
    fn claim(&self, state: KeyState) -> Result<Option<IdempotencyEvent>, KeyReused> {
        let claim = state.claim(self.fingerprint);
        match self.former {
            Some(former) if claim.is_err() => state.claim(former),
            _ => claim,
        }
    }
}

/// A claim by this attempt.
struct Claim {
    state: KeyState,
    revision: Revision,
}

impl Commands {
    /// Hashes everything that a request asks for. `kind` names the command.
    pub(super) fn fingerprint(&self, kind: &str, parts: &[&[u8]]) -> RequestFingerprint {
        let parts: Vec<&[u8]> =
            [b"request", kind.as_bytes()].into_iter().chain(parts.iter().copied()).collect();
        RequestFingerprint::from_bytes(self.vault().keyed_hash(&parts))
    }

    /// `owner` is who chose the key: keys of different owners, and of different commands, are different keys.
    pub(super) fn keyed(
        &self,
        kind: &str,
        owner: &str,
        key: &IdempotencyKey,
        fingerprint: RequestFingerprint,
    ) -> KeyedRequest {
        let parts = [b"key", kind.as_bytes(), owner.as_bytes(), key.as_str().as_bytes()];
        let stream = StreamName::idempotency(&self.vault().keyed_hash(&parts));
        KeyedRequest { stream, fingerprint, former: None }
    }

    /// Executes a batch whose ids the request determines, for at most one request per key.
    pub(super) async fn execute_keyed(
        &self,
        request: &KeyedRequest,
        date: NaiveDate,
        batch: CommandBatch,
    ) -> Result<BatchOutcome, CommandError> {
        for _ in 0..MAX_CONFLICTS {
            let trial = self.day_schedules().would_change(date, batch.commands.clone()).await;
            // Read after the trial: if another request's effect is what rejects this one, its claim is there.
            let (state, expected) = self.key_state(&request.stream).await?;
            let claimed = request.claim(state).map_err(|KeyReused| Rejection::KeyReused)?;
            let is_new = trial?;
            // Without a claim to make, the effect is there, or the key is this request's for good.
            let Some(claimed) = claimed.filter(|_| is_new) else {
                return self.day_schedules().execute(date, batch).await;
            };
            let Some(claim) = self.claim(request, state, expected, claimed, &batch.origin).await? else {
                continue;
            };
            let origin = batch.origin.clone();
            let outcome = self.day_schedules().execute(date, batch).await;
            if let Err(CommandError::Rejected(_)) = outcome {
                self.release(request, claim, &origin).await;
            }
            return outcome;
        }
        Err(CommandError::Contended)
    }

    async fn key_state(&self, stream: &StreamName) -> Result<(KeyState, Expected), CommandError> {
        let (mut state, mut last) = (KeyState::default(), None);
        let mut events = self.log().read_stream(stream, Revision::FIRST).await?;
        while let Some(recorded) = events.try_next().await? {
            if let Some((Event::Idempotency(event), _)) = self.decode(&recorded).await? {
                state.evolve(&event);
            }
            last = Some(recorded.revision);
        }
        Ok((state, Expected::after(last)))
    }

    /// Appends a claim. `None` if another request has changed the key since it was read.
    async fn claim(
        &self,
        request: &KeyedRequest,
        mut state: KeyState,
        expected: Expected,
        claimed: IdempotencyEvent,
        origin: &Origin,
    ) -> Result<Option<Claim>, CommandError> {
        state.evolve(&claimed);
        let event = self.key_event(claimed, origin);
        match append(self.log(), &request.stream, expected, vec![event], vec![], vec![]).await {
            Ok(appended) => Ok(Some(Claim { state, revision: appended.revision })),
            Err(AppendError::RevisionConflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Releases the key unless another attempt has claimed it too. A key that is not released only costs the client a new
    /// one, so a failure is not the request's.
    async fn release(&self, request: &KeyedRequest, claim: Claim, origin: &Origin) {
        let Some(released) = claim.state.release() else { return };
        let event = self.key_event(released, origin);
        let expected = Expected::Exact(claim.revision);
        match append(self.log(), &request.stream, expected, vec![event], vec![], vec![]).await {
            Ok(_) | Err(AppendError::RevisionConflict { .. }) => {}
            Err(error) => {
                tracing::warn!(stream = %request.stream, %error, "the key of a rejected request could not be released");
            }
        }
    }

    fn key_event(&self, event: IdempotencyEvent, origin: &Origin) -> NewEvent {
        let metadata = origin.metadata(self.0.context.clock.now());
        encode(EventId(Uuid::now_v7()), &Event::Idempotency(event), &metadata)
    }
}
