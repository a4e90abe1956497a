//! Reading a body: bounded in bytes and in time.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use crate::problem::{Code, Details, Problem};

/// Bytes of a body, at most.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Bytes of a body that is too large which are still taken off the wire, so that its sender gets to read the answer.
const MAX_DRAINED_BYTES: usize = 4 * 1024 * 1024;

/// Longest time for a body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// The whole body.
pub(crate) async fn read(payload: Payload) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_DEADLINE, take_in(payload));
    read.await.map_err(|_| Problem::of(Code::BodyTimeout))?
}

async fn take_in(mut payload: Payload) -> Result<Bytes, Problem> {
    let (mut body, mut length) = (BytesMut::new(), 0);
    while let Some(chunk) = payload.next().await {
        // A broken transfer: whoever sent it will hardly read this.
        let chunk = chunk.map_err(|_| Problem::of(Code::InvalidJson))?;
        length += chunk.len();
        if length <= MAX_BODY_BYTES {
            body.extend_from_slice(&chunk);
        } else if length > MAX_DRAINED_BYTES {
            break;
        }
    }
    if length > MAX_BODY_BYTES {
        let size = Details::Size { max_bytes: MAX_BODY_BYTES };
        return Err(Problem::with(Code::PayloadTooLarge, size));
    }
    Ok(body.freeze())
}
