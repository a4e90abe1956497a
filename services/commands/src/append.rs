//! One append, repeated with the same event ids until an answer arrives. It never decides again.

use std::time::Duration;

use daybook_event_log::port::DependentAppend;
use daybook_event_log::{AppendError, Appended, Backoff, EventLog, Expected, NewEvent, NewKey, StreamName};

/// Maximum number of attempts.
const MAX_ATTEMPTS: u32 = 6;

/// The first and the longest delay between attempts. Together the delays cover a quick restart of the database.
const DELAYS: (Duration, Duration) = (Duration::from_millis(75), Duration::from_millis(1200));

/// Where other streams ended when a decision read them.
pub(crate) type StreamEnds = Vec<(StreamName, Expected)>;

/// Appends events together with the new keys that they are sealed with, if other streams still end where the decision read
/// them to. Repeats the append if its result is unknown.
///
/// An append at an exact revision is idempotent, so repeating it with the same ids is safe. After one unknown result, an
/// unreachable log does not prove that nothing was appended, so the result stays unknown until an attempt is answered.
pub(crate) async fn append(
    log: &dyn EventLog,
    stream: &StreamName,
    expected: Expected,
    events: Vec<NewEvent>,
    keys: Vec<NewKey>,
    others: StreamEnds,
) -> Result<Appended, AppendError> {
    let append = DependentAppend { stream: stream.clone(), expected, events, keys, others };
    let (mut unknown, mut backoff) = (None, Backoff::between(DELAYS.0, DELAYS.1));
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(backoff.next_wait()).await;
        }
        match log.append_if(append.clone()).await {
            Err(AppendError::Unknown(source)) => unknown = Some(source),
            Err(AppendError::Unavailable(source)) if unknown.is_some() => unknown = Some(source),
            result => return result,
        }
    }
    Err(AppendError::Unknown(unknown.unwrap_or_else(|| "no attempt was made".into())))
}
