//! `flip`: read latency while generations are promoted back and forth ÷ the allowed latency.
//!
//! Reads start at a fixed rate, whatever the responses, and each is timed from when it was due, so a read that waits
//! behind another includes that wait. It must never continue after a response other than 200.

mod pace;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daybook_domain::ReadModel;
use daybook_projections::generation;

use super::read::Server;
use super::report::{Aim, Measured, Round, Unit};
use super::{Figure, history};
use crate::clinic::Clinic;
use pace::Latencies;

const RESERVATIONS: u32 = 20_000;

/// Number of rounds, and how long reads are timed in each, before and during the promotions.
const ROUNDS: usize = 5;
const TIMED: Duration = Duration::from_secs(4);

/// Pause between the end of a promotion and the next.
const FLIP_PAUSE: Duration = Duration::from_millis(200);

/// How much a promotion may add to the 99th percentile.
const ALLOWED_MS: f64 = 5.0;

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let clinic = Clinic::without_views().await?;
    let history = history::write(&clinic, RESERVATIONS).await?;
    clinic.rebuild().missing().await?.context("the clinic already had views")?;
    clinic.start_engine();
    // A second generation of the view that is read; the first one is kept.
    clinic.rebuild().run(&[ReadModel::Legacy], &|_| {}).await?;
    let server = Server::start(&clinic).await?;
    let target = server.target(&history.reservations)?;
    let (mut rounds, mut flips) = (Vec::with_capacity(ROUNDS), 0);
    let mut worst = Duration::ZERO;
    for _ in 0..ROUNDS {
        let before = pace::run(&target, TIMED).await?;
        let timing = tokio::spawn({
            let target = target.clone();
            async move { pace::run(&target, TIMED).await }
        });
        flips += flip_until(&clinic, Instant::now() + TIMED).await?;
        let during = timing.await.context("the task of the reads")??;
        worst = worst.max(during.worst());
        rounds.push(Round { ours: ms(&during), limit: ms(&before) + ALLOWED_MS });
    }
    server.stop().await?;
    ensure!(flips >= ROUNDS, "{flips} promotions");
    Ok(Measured {
        figure: Figure::Flip,
        what: [
            "99th percentile of GET /api/reservations/{id} while generations are promoted back and forth",
            "the same immediately before, plus the 5 ms that a promotion may add",
        ],
        unit: Unit::Milliseconds,
        aim: Aim::AtMost(1.0),
        rounds,
        notes: vec![format!(
            "{} reads per second, all answered; {flips} promotions; the slowest read during them took {:.1} ms",
            pace::READS_PER_SECOND,
            worst.as_secs_f64() * 1000.0
        )],
    })
}

/// Promotes the kept generation of the legacy view repeatedly. Returns the number of promotions.
async fn flip_until(clinic: &Clinic, end: Instant) -> anyhow::Result<usize> {
    let mut flips = 0;
    while Instant::now() < end {
        let all = generation::list(&clinic.pool.get().await?).await?;
        let kept = all.iter().find(|standing| standing.state == generation::GenerationState::Kept);
        clinic
            .rebuild()
            .promote_again(kept.context("there is no kept generation")?.generation, &|_| {})
            .await?;
        flips += 1;
        tokio::time::sleep(FLIP_PAUSE).await;
    }
    Ok(flips)
}

fn ms(latencies: &Latencies) -> f64 {
    latencies.percentile_99().as_secs_f64() * 1000.0
}
