//! The overload curve: what a service does at several times its capacity.
//!
//! Requests arrive at a fixed rate, whether or not earlier ones were answered, as those of many people do. The duration of a
//! request counts from the moment at which it was due, so that a service that stops reading does not look fast.

mod arrivals;
mod mixture;
mod tally;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use daybook_api::Role;
use serde::Serialize;
use tokio::process::Command;

use crate::app::token_at;
use crate::process::Service;
use arrivals::{closed_loop, open_loop};
use mixture::Mixture;
use tally::Tally;

/// Clients of the measurement of the capacity.
const CLIENTS: usize = 128;

/// Requests of the desk per second, beside those of strangers.
const DESK_RATE: f64 = 10.0;

/// How a curve is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Arrivals of each step, in multiples of the capacity.
    pub factors: Vec<f64>,
    /// Time of each step, and of the measurement of the capacity.
    pub step: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self { factors: vec![0.5, 1.0, 2.0, 4.0], step: Duration::from_secs(10) }
    }
}

/// One step of the curve.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// Arrivals as a multiple of the capacity.
    pub factor: f64,
    /// Arrivals per second.
    pub offered_per_second: f64,
    /// Requests per second that were answered with anything but a refusal for overload.
    pub accepted_per_second: f64,
    /// Percentiles of the accepted ones.
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// The percentage that was refused with 503.
    pub shed_percent: f64,
    /// As for strangers, for the desk.
    pub desk_p99_ms: f64,
    pub desk_shed_percent: f64,
    /// Arrivals that the generator itself could not send, because it had too many connections.
    pub unsent: u64,
    /// Memory of the service at the end, if the system tells it.
    pub resident_mib: Option<u64>,
}

/// The measured curve.
#[derive(Debug, Serialize)]
pub struct Curve {
    /// Requests per second of as many clients as keep the service busy.
    pub capacity_per_second: f64,
    pub steps: Vec<Step>,
    /// The first wrong answers: lost responses, 5xx other than 503, refusals without `Retry-After`.
    pub faults: Vec<String>,
    /// The ids of all acknowledged bookings.
    #[serde(skip)]
    pub acknowledged: BTreeSet<String>,
    /// Acknowledgements, of which no two have the same id.
    #[serde(skip)]
    pub acknowledgements: usize,
}

/// Measures the curve of a service, which must trust this machine as a proxy.
///
/// # Errors
/// If the clinic cannot be prepared or the service ends.
pub async fn measure(service: &Service, plan: &Plan) -> anyhow::Result<Curve> {
    let address: SocketAddr = service.address().parse()?;
    let token = token_at(Utc::now(), "overload", Role::Admin, None)?;
    mixture::prepare(service, &token).await?;
    let mixture = Mixture::new(address, &token);
    let warm_up = on_its_own_thread(closed_loop(mixture.clone(), CLIENTS, plan.step / 4)).await?;
    let busy = on_its_own_thread(closed_loop(mixture.clone(), CLIENTS, plan.step)).await?;
    let capacity = busy.accepted_per_second();
    let (mut all, mut steps) = (warm_up, Vec::with_capacity(plan.factors.len()));
    all.merge(busy);
    for factor in &plan.factors {
        let rate = capacity * factor;
        let strangers = open_loop(mixture.clone(), rate, plan.step);
        let desk = open_loop(mixture.of_desk(), DESK_RATE, plan.step);
        let (tally, desk) = tokio::try_join!(on_its_own_thread(strangers), on_its_own_thread(desk))?;
        steps.push(Step {
            factor: *factor,
            offered_per_second: rate,
            accepted_per_second: tally.accepted_per_second(),
            p50_ms: tally.percentile_ms(0.5),
            p99_ms: tally.percentile_ms(0.99),
            shed_percent: tally.shed_percent(),
            desk_p99_ms: desk.percentile_ms(0.99),
            desk_shed_percent: desk.shed_percent(),
            unsent: tally.unsent,
            resident_mib: resident_mib(service).await,
        });
        all.merge(tally);
        all.merge(desk);
    }
    Ok(Curve {
        capacity_per_second: capacity,
        steps,
        faults: all.faults,
        acknowledgements: all.acknowledged.len(),
        acknowledged: all.acknowledged.into_iter().collect(),
    })
}

/// The load takes as little as possible from the service if it has one thread.
async fn on_its_own_thread(
    load: impl Future<Output = anyhow::Result<Tally>> + Send + 'static,
) -> anyhow::Result<Tally> {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(load);
    tokio::task::spawn_blocking(run).await.context("the thread of the load")?
}

async fn resident_mib(service: &Service) -> Option<u64> {
    let output = Command::new("ps").args(["-o", "rss=", "-p", &service.id()?.to_string()]).output();
    let kib: u64 = String::from_utf8(output.await.ok()?.stdout).ok()?.trim().parse().ok()?;
    Some(kib / 1024)
}

impl Curve {
    /// Writes the curve as a table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "capacity: {:.0} requests/s with {CLIENTS} clients", self.capacity_per_second)?;
        writeln!(
            out,
            "  load  offered/s  accepted/s   p50 ms   p99 ms   shed  desk p99 ms  desk shed   unsent  memory"
        )?;
        for step in &self.steps {
            let memory = step.resident_mib.map_or_else(|| "?".to_owned(), |mib| format!("{mib} MiB"));
            writeln!(
                out,
                "{:5.1}× {:10.0} {:11.0} {:8.1} {:8.1} {:5.1}% {:12.1} {:9.1}% {:8} {memory:>8}",
                step.factor,
                step.offered_per_second,
                step.accepted_per_second,
                step.p50_ms,
                step.p99_ms,
                step.shed_percent,
                step.desk_p99_ms,
                step.desk_shed_percent,
                step.unsent
            )?;
        }
        writeln!(out, "{} bookings acknowledged, {} faults", self.acknowledgements, self.faults.len())?;
        self.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))
    }
}
