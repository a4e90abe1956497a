//! `rebuild`: time to rebuild both views from the log ÷ time to move the same data through PostgreSQL.
//!
//! Our side must never leave out the safety steps of a rebuild: catching up, comparing, promoting.

mod limit;
mod memory;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use daybook_domain::ReadModel;
use daybook_projections::RebuildReport;

use super::report::{Aim, Measured, Round, Unit, median};
use super::{Figure, history};
use crate::clinic::Clinic;
use limit::FinishedRows;

/// Default number of events in the history.
pub(super) const EVENTS: u32 = 200_000;

/// Events of ten reservations: 2.5 per reservation on average.
pub(super) const EVENTS_OF_TEN_RESERVATIONS: u32 = 25;

/// Rounds, after one rebuild that does not count.
const ROUNDS: usize = 5;

/// Pause for background work of the previous side.
const FLUSH_PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn measure(events: u32) -> anyhow::Result<Measured> {
    let clinic = Clinic::without_views().await?;
    let reservations = events / EVENTS_OF_TEN_RESERVATIONS * 10;
    let history = history::write(&clinic, reservations).await?;
    let memory = memory::PeakMemory::start();
    let first = clinic.rebuild().missing().await?.context("the clinic already had views")?;
    let memory = memory.describe();
    let rows = FinishedRows::read(&clinic, &first.generations).await?;
    let (mut rounds, mut reports, mut parts) =
        (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS), vec![]);
    for _ in 0..ROUNDS {
        flush(&clinic).await?;
        let (ours, report) = rebuild(&clinic).await?;
        flush(&clinic).await?;
        let (out, into) = (limit::copy_events_out(&clinic).await?, rows.load(&clinic).await?);
        parts.push((out, into));
        let limit = out + into;
        ensure!(report.events == history.events, "{} events were read", report.events);
        rounds.push(Round { ours, limit });
        reports.push(report);
    }
    let rate = history.events as f64 / median(rounds.iter().map(|round| round.ours));
    Ok(Measured {
        figure: Figure::Rebuild,
        what: [
            "seconds to rebuild both views from the log: decode, open details, fold, copy in, index, compare, promote",
            "seconds to COPY the events out in order, plus to COPY the finished rows of both views in (concurrently) and create the same keys and indexes",
        ],
        unit: Unit::Seconds,
        aim: Aim::AtMost(1.5),
        rounds,
        notes: vec![
            format!(
                "{} events of {reservations} reservations; {rate:.0} events/s through the whole rebuild",
                history.events
            ),
            format!("phases: {}", phases(&reports)),
            format!(
                "the limit: events out {:.2} s, rows in {:.2} s",
                median(parts.iter().map(|(out, _)| *out)),
                median(parts.iter().map(|(_, into)| *into)),
            ),
            memory,
        ],
    })
}

/// Flushes what one side wrote and lets it release its memory, so that the other side does not pay for it.
async fn flush(clinic: &Clinic) -> anyhow::Result<()> {
    clinic.database.connect().await?.batch_execute("CHECKPOINT").await?;
    tokio::time::sleep(FLUSH_PAUSE).await;
    Ok(())
}

/// Rebuilds both views. Also returns the seconds.
pub(super) async fn rebuild(clinic: &Clinic) -> anyhow::Result<(f64, RebuildReport)> {
    let since = Instant::now();
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await?;
    Ok((since.elapsed().as_secs_f64(), report))
}

/// The median of each phase.
fn phases(reports: &[RebuildReport]) -> String {
    let names = reports.first().map(|report| report.seconds.keys().copied()).into_iter().flatten();
    let phase = |name: &str| {
        let seconds = median(reports.iter().filter_map(|report| report.seconds.get(name)).copied());
        format!("{name} {seconds:.2} s")
    };
    names.map(phase).collect::<Vec<_>>().join(", ")
}
