//! One append, asked again with the same ids where no answer came.

use std::time::Duration;

use daybook_event_log::{AppendError, Appended, EventLog, Expected, NewEvent, NewKey, StreamName};

/// Times that one append is sent.
const MAX_ATTEMPTS: u32 = 6;

/// Pause before the second attempt; each one after it takes twice as long. Together they outlast a quick restart of
/// the database.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Appends events with the new keys they are sealed with, and finds out what became of them where the log did not answer.
///
/// A log is idempotent at an exact place, so sending the same ids again is safe. Once an answer is missing, an
/// unreachable log no longer means that nothing was appended: the doubt stays until an attempt is answered.
pub(crate) async fn append(
    log: &dyn EventLog,
    stream: &StreamName,
    expected: Expected,
    events: Vec<NewEvent>,
    keys: Vec<NewKey>,
) -> Result<Appended, AppendError> {
    let mut doubt = None;
    for attempt in 0..MAX_ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(FIRST_PAUSE * 2u32.pow(attempt - 1)).await;
        }
        match log.append_with_keys(stream, expected, events.clone(), keys.clone()).await {
            Err(AppendError::Unknown(source)) => doubt = Some(source),
            Err(AppendError::Unavailable(source)) if doubt.is_some() => doubt = Some(source),
            answered => return answered,
        }
    }
    Err(AppendError::Unknown(doubt.unwrap_or_else(|| "no attempt was made".into())))
}
