//! `project`: events per second through live projection of a backlog ÷ those whose rows PostgreSQL upserts with the
//! same number of commits.
//!
//! Our side must never leave out any work of live projection: opening details, folding, digests, the fenced checkpoint.

mod upserts;

use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::sync::watch;

use super::report::{Aim, Measured, Round, Unit, median};
use super::{Figure, history};
use crate::clinic::Clinic;

/// Reservations in the backlog, with 2.5 events each.
const RESERVATIONS: u32 = 8_000;

/// Rounds, each on its own clinic.
const ROUNDS: usize = 5;

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let (mut rounds, mut commits, mut longest) = (Vec::with_capacity(ROUNDS), Vec::new(), 0.0_f64);
    for _ in 0..ROUNDS {
        let clinic = Clinic::without_views().await?;
        clinic.rebuild().missing().await?.context("the clinic already had views")?;
        let before = clinic.log.head().await?.commit();
        let events = history::write(&clinic, RESERVATIONS).await?.events - before;
        let projected = project(&clinic, events).await?;
        let seconds = upserts::run(&clinic, projected.commits).await?;
        let rate = |seconds: f64| events as f64 / seconds;
        rounds.push(Round { ours: rate(projected.seconds), limit: rate(seconds) });
        commits.push(projected.commits as f64);
        longest = longest.max(projected.longest_batch_seconds);
    }
    Ok(Measured {
        figure: Figure::Project,
        what: [
            "events per second through the engine, from a backlog to both live views: decoded, opened, folded, with digests and checkpoints",
            "the same events ÷ the seconds to upsert their rows into both views, as JSON in equal parts, with the same number of commits",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(0.25),
        rounds,
        notes: vec![format!(
            "a backlog of {RESERVATIONS} reservations in {:.0} commits; the longest batch took {:.0} ms",
            median(commits.into_iter()),
            longest * 1000.0
        )],
    })
}

/// The result of processing a backlog.
struct Projected {
    seconds: f64,
    commits: usize,
    longest_batch_seconds: f64,
}

async fn project(clinic: &Clinic, events: u64) -> anyhow::Result<Projected> {
    let engine = clinic.engine("bench");
    let mut batches = engine.batches().subscribe();
    let (stop, stopped) = watch::channel(false);
    let since = Instant::now();
    let running = tokio::spawn(engine.run(stopped));
    let mut projected = Projected { seconds: 0.0, commits: 0, longest_batch_seconds: 0.0 };
    let mut applied = 0;
    while applied < events {
        let batch =
            batches.recv().await.context("the engine stopped, or the channel of its batches overflowed")?;
        applied += batch.events as u64;
        projected.commits += 1;
        projected.longest_batch_seconds = projected.longest_batch_seconds.max(batch.seconds);
    }
    projected.seconds = since.elapsed().as_secs_f64();
    ensure!(applied == events, "{applied} of {events} events were applied");
    stop.send_replace(true);
    running.await?;
    Ok(projected)
}
