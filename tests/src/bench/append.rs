//! `append`: bookings per second through the whole write side ÷ durable single-row inserts per second.
//!
//! Both sides write the same rows to the same disk: the inserts repeat the rows that the bookings of a round wrote. A
//! rejected booking must never count.

mod bookings;
mod inserts;

use anyhow::ensure;

use super::Figure;
use super::report::{Aim, Measured, Round, Unit};

/// Concurrent clients on each side.
const CLIENTS: usize = 32;

/// Booking requests per round.
const BOOKINGS: usize = 12_000;

/// Rounds, each on its own clinic.
const ROUNDS: usize = 5;

/// Share of bookings that must be accepted for a round to be meaningful.
const LEAST_ACCEPTED: f64 = 0.9;

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let (mut rounds, mut accepted) = (Vec::with_capacity(ROUNDS), 0);
    for _ in 0..ROUNDS {
        let (round, booked) = measure_round().await?;
        rounds.push(round);
        accepted += booked;
    }
    let requested = ROUNDS * BOOKINGS;
    Ok(Measured {
        figure: Figure::Append,
        what: [
            "accepted bookings per second through Commands::request, 32 concurrent, details sealed, decided and durable",
            "single-row INSERTs per second of the same rows into a table of the same shape, 32 connections, one commit per row",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(1.0),
        rounds,
        notes: vec![
            format!("{accepted} of {requested} bookings were accepted; only they count"),
            format!("each round: {} days ahead, day schedules not in memory at first", bookings::DAYS_AHEAD),
            "half of the patients new (the key is created and committed with the booking), half known (key on disk, not in memory)".to_owned(),
        ],
    })
}

async fn measure_round() -> anyhow::Result<(Round, usize)> {
    let clinic = bookings::clinic().await?;
    let booked = bookings::run(&clinic).await?;
    ensure!(
        booked.accepted as f64 >= LEAST_ACCEPTED * BOOKINGS as f64,
        "only {} of {BOOKINGS} bookings were accepted: too few for a meaningful round",
        booked.accepted
    );
    let ours = booked.accepted as f64 / booked.seconds;
    let limit = inserts::run(&clinic.database).await?;
    Ok((Round { ours, limit }, booked.accepted))
}
