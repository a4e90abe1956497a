//! `flip`: how long reads take while generations are promoted and back ÷ how long they may take then.
//!
//! Reads come at a fixed pace, whatever is answered, and each is timed from when it was due: one that waits behind another
//! counts its wait. It must never go on after a read that was not answered with 200.

mod pace;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daybook_domain::ReadModel;
use daybook_projections::{GenerationState, generation};

use super::read::Server;
use super::report::{Aim, Measured, Round, Unit};
use super::{Figure, history};
use crate::clinic::Clinic;
use pace::Latencies;

/// Reservations in the views.
const RESERVATIONS: u32 = 20_000;

/// Rounds, and how long reads are timed in each, before and during the flips.
const ROUNDS: usize = 5;
const TIMED: Duration = Duration::from_secs(4);

/// Time between the end of a promotion and the next.
const FLIP_PAUSE: Duration = Duration::from_millis(200);

/// What a flip may add to the 99th percentile.
const ALLOWED_MS: f64 = 5.0;

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let clinic = Clinic::without_views().await?;
    let history = history::write(&clinic, RESERVATIONS).await?;
    clinic.rebuild().missing().await?.context("a clinic that had views already")?;
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
        let during = timing.await.context("the reads' task")??;
        worst = worst.max(during.worst());
        rounds.push(Round { ours: ms(&during), limit: ms(&before) + ALLOWED_MS });
    }
    server.stop().await?;
    ensure!(flips >= ROUNDS, "{flips} promotions");
    Ok(Measured {
        figure: Figure::Flip,
        what: [
            "99th percentile of GET /api/reservations/{id} while generations are promoted, to and fro",
            "the same just before, plus the 5 ms that a promotion may cost",
        ],
        unit: Unit::Milliseconds,
        aim: Aim::AtMost(1.0),
        rounds,
        notes: vec![format!(
            "{} reads a second, all of them answered; {flips} promotions; the slowest read meanwhile took {:.1} ms",
            pace::READS_PER_SECOND,
            worst.as_secs_f64() * 1000.0
        )],
    })
}

/// Promotes the kept generation of the legacy view, again and again. Gives how often.
async fn flip_until(clinic: &Clinic, end: Instant) -> anyhow::Result<usize> {
    let mut flips = 0;
    while Instant::now() < end {
        let all = generation::list(&clinic.pool.get().await?).await?;
        let kept = all.iter().find(|standing| standing.state == GenerationState::Kept);
        clinic.rebuild().promote_again(kept.context("a kept generation")?.generation, &|_| {}).await?;
        flips += 1;
        tokio::time::sleep(FLIP_PAUSE).await;
    }
    Ok(flips)
}

fn ms(latencies: &Latencies) -> f64 {
    latencies.percentile_99().as_secs_f64() * 1000.0
}
