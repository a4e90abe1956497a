//! `append`: bookings a second through the whole write side ÷ single-row durable inserts a second.
//!
//! Both sides end with the same rows on the same disk: what the bookings of a round wrote is what its inserts write. It
//! must never count a booking that was refused.

mod bookings;
mod inserts;

use anyhow::ensure;

use super::Figure;
use super::report::{Aim, Measured, Round, Unit};

/// Who books, and who inserts, at the same time.
const CLIENTS: usize = 32;

/// Bookings that are asked for in one round.
const BOOKINGS: usize = 12_000;

/// Rounds, each on a clinic of its own.
const ROUNDS: usize = 5;

/// How many of the bookings must be accepted for a round to say something.
const LEAST_ACCEPTED: f64 = 0.9;

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let (mut rounds, mut accepted) = (Vec::with_capacity(ROUNDS), 0);
    for _ in 0..ROUNDS {
        let (round, booked) = measure_round().await?;
        rounds.push(round);
        accepted += booked;
    }
    let asked = ROUNDS * BOOKINGS;
    Ok(Measured {
        figure: Figure::Append,
        what: [
            "accepted bookings a second through Commands::request, 32 at once, details sealed, decided and durable",
            "single-row INSERTs a second of the same rows into a table of the same shape, 32 connections, each its own commit",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(1.0),
        rounds,
        notes: vec![
            format!("{accepted} of {asked} bookings were accepted; only they count"),
            format!("each round: {} days ahead, pages not in memory at first", bookings::DAYS_AHEAD),
            "half of the patients new (their key is made, and committed with the booking), half known (key on disk, not in memory)".to_owned(),
        ],
    })
}

async fn measure_round() -> anyhow::Result<(Round, usize)> {
    let clinic = bookings::clinic().await?;
    let booked = bookings::run(&clinic).await?;
    ensure!(
        booked.accepted as f64 >= LEAST_ACCEPTED * BOOKINGS as f64,
        "only {} of {BOOKINGS} bookings were accepted: the round says little",
        booked.accepted
    );
    let ours = booked.accepted as f64 / booked.seconds;
    let limit = inserts::run(&clinic.database).await?;
    Ok((Round { ours, limit }, booked.accepted))
}
