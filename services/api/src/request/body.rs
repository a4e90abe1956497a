//! Reads a request body, limited in size and in time.

use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use crate::admission;
use crate::problem::{Code, Details, Problem};

/// Largest body, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Bytes of a too large body that are still read and dropped, so that the client gets to read the response.
const MAX_DRAINED_BYTES: usize = 4 * 1024 * 1024;

/// Longest time for a body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Reads the whole body. While it arrives, the request takes no place of others.
pub(crate) async fn read(payload: Payload) -> Result<Bytes, Problem> {
    let body = admission::while_waiting(tokio::time::timeout(BODY_DEADLINE, collect(payload)));
    body.await?.map_err(|_| {
        admission::client_is_late();
        Problem::new(Code::BodyTimeout)
    })?
}

async fn collect(mut payload: Payload) -> Result<Bytes, Problem> {
    let (mut body, mut length) = (BytesMut::new(), 0);
    while let Some(chunk) = payload.next().await {
        // A broken transfer: the client will hardly read this response.
        let chunk = chunk.map_err(|_| Problem::new(Code::InvalidJson))?;
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
