//! `read`: lookups per second over the real API ÷ those of a bare endpoint on the same row.
//!
//! Both serve the same client with the same number of workers, and their responses are compared before anything is
//! measured: the bare endpoint must never return less than the API.

mod bare;
mod load;
mod ours;

use std::time::Duration;

use anyhow::{Context, ensure};
use daybook_domain::{ReadModel, ReservationId};
use serde_json::Value;

use super::report::{Aim, Measured, Round, Unit};
use super::{Figure, history};
use crate::clinic::Clinic;
pub(super) use load::Target;
pub(super) use ours::Server;

/// Worker threads on each side.
const WORKERS: usize = 2;

/// Connections of the load.
const CONNECTIONS: usize = 32;

const RESERVATIONS: u32 = 20_000;

/// Number of different reservations to look up, spread over all.
const LOOKUPS: usize = 4096;

/// Number of rounds, and how long each side is under load, before and while it counts.
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(300);
const COUNTED: Duration = Duration::from_millis(2000);

/// Fields that a row of the legacy view does not have. The bare endpoint returns null for them.
const MISSING_FIELDS: [&str; 3] = ["serviceId", "serviceCode", "serviceName"];

pub(super) async fn measure() -> anyhow::Result<Measured> {
    let clinic = Clinic::without_views().await?;
    let history = history::write(&clinic, RESERVATIONS).await?;
    let built = clinic.rebuild().missing().await?.context("the clinic already had views")?;
    let serving = built.generations.iter().find(|generation| generation.model == ReadModel::Legacy);
    let bare = bare::Server::start(clinic.database.config(), *serving.context("there is no live view")?)?;
    let ours = Server::start(&clinic).await?;
    let ids = sample_ids(&history.reservations);
    let (ours_target, bare_target) = (ours.target(&ids)?, bare.target(&ids)?);
    check_responses(&ours_target, &bare_target).await?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let ours = load::run(&ours_target).await?;
        let limit = load::run(&bare_target).await?;
        rounds.push(Round { ours, limit });
    }
    ours.stop().await?;
    bare.stop().await?;
    Ok(Measured {
        figure: Figure::Read,
        what: [
            "GET /api/reservations/{id} per second: token, routing, position, the live view",
            "the same row by a bare actix-web + tokio-postgres endpoint: one prepared primary-key lookup, one pipelined connection per worker",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(0.7),
        rounds,
        notes: vec![format!(
            "{WORKERS} workers, {CONNECTIONS} keep-alive connections from this process, {RESERVATIONS} reservations in the legacy view"
        )],
    })
}

/// Picks ids at equal distances, so that lookups cover the whole table.
fn sample_ids(all: &[ReservationId]) -> Vec<ReservationId> {
    all.iter().step_by((all.len() / LOOKUPS).max(1)).take(LOOKUPS).cloned().collect()
}

/// Checks that both return the same fields, as far as the row alone contains them.
async fn check_responses(ours: &Target, bare: &Target) -> anyhow::Result<()> {
    let (mut ours, bare) = (response(ours).await?, response(bare).await?);
    for field in MISSING_FIELDS {
        if let Some(value) = ours.pointer_mut(&format!("/reservation/{field}")) {
            *value = Value::Null;
        }
    }
    let fields = ours.pointer("/reservation").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    // The rows are invented, but an error must not show patient details.
    ensure!(ours == bare && fields > 0, "the two endpoints return different fields");
    Ok(())
}

async fn response(target: &Target) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&load::send_once(target).await?)?)
}
