//! Reads at a fixed rate over keep-alive connections, on a thread of their own.

use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep_until};

use crate::bench::read::Target;
use crate::http_connection::HttpConnection;

pub(super) const READS_PER_SECOND: u32 = 500;

/// Connections take turns, so that one slow response does not delay the next read.
const CONNECTIONS: u32 = 20;

/// How long each read took from when it was due, in ascending order.
pub(super) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(super) fn percentile_99(&self) -> Duration {
        self.0.get(self.0.len() * 99 / 100).copied().unwrap_or_default()
    }

    pub(super) fn worst(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }
}

/// Reads for this long.
pub(super) async fn run(target: &Target, timed: Duration) -> anyhow::Result<Latencies> {
    let target = target.clone();
    let on_its_own_thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let start = Instant::now();
            let readers = (0..CONNECTIONS).map(|connection| read_at_pace(&target, connection, start, timed));
            let mut all: Vec<Duration> = try_join_all(readers).await?.concat();
            all.sort_unstable();
            Ok(Latencies(all))
        })
    };
    tokio::task::spawn_blocking(on_its_own_thread).await.context("the thread of the reads")?
}

async fn read_at_pace(
    target: &Target,
    connection: u32,
    start: Instant,
    timed: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let mut http_connection = HttpConnection::connect(target.address()).await?;
    let mut latencies = Vec::new();
    for number in (connection..).step_by(CONNECTIONS as usize) {
        let due = start + Duration::from_secs(1) * number / READS_PER_SECOND;
        if due >= start + timed {
            break;
        }
        sleep_until(due).await;
        http_connection.send(target.request(number as usize)).await?;
        latencies.push(due.elapsed());
    }
    Ok(latencies)
}
