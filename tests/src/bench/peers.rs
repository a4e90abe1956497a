//! Compares Daybook's rebuild with those of other event-sourcing libraries: same machine, same events, same rows.
//!
//! Each library rebuilds with its own API in its own process, from `tests/bench/peers`; the README there says what is
//! fair about the comparison and what is not. All take turns round by round, and the median round counts. The result of
//! a library must never be shown without the number of its rows that equal Daybook's.

mod contestant;
mod plain_history;
mod rows;
mod table;

use std::io::Write;

use anyhow::{Context, bail, ensure};
use daybook_domain::ReadModel;
use daybook_projections::RebuildReport;

use self::contestant::{Contestant, Databases};
use self::plain_history::PlainHistory;
use self::rows::{Agreement, Rows};
use self::table::{Line, Measured};
use super::{history, rebuild};
use crate::clinic::Clinic;

/// Default number of events that all rebuild from. The slowest library takes a few minutes for them.
const EVENTS: u32 = 20_000;

/// Rounds that count.
const ROUNDS: u32 = 3;

/// The smallest history: a rebuild of fewer events is too short to measure.
const MIN_EVENTS: u32 = 100;

/// The parsed command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arguments {
    /// Events that all rebuild from.
    pub events: u32,
    /// Events that Daybook also rebuilds from: a size for which the others would take more than an hour.
    pub own_events: u32,
}

impl Arguments {
    /// Parses `[EVENTS [OWN_EVENTS]]`.
    ///
    /// # Errors
    /// If an argument is invalid or superfluous.
    pub fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let number = |text: &String| text.parse::<u32>().ok().filter(|number| *number >= MIN_EVENTS);
        let (events, own_events) = match arguments {
            [] => (Some(EVENTS), Some(rebuild::EVENTS)),
            [events] => (number(events), Some(rebuild::EVENTS)),
            [events, own_events] => (number(events), number(own_events)),
            _ => bail!("usage: peers [EVENTS [OWN_EVENTS]]"),
        };
        let read = |number: Option<u32>| number.with_context(|| format!("a number of at least {MIN_EVENTS}"));
        Ok(Self { events: read(events)?, own_events: read(own_events)? })
    }
}

/// Rebuilds with every library and writes the table, with one line `peer NAME ratio` for each library at the end.
///
/// # Errors
/// If a rebuild cannot be measured. A library that loses events is not an error: the table shows it.
pub async fn run(arguments: Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    contestant::check_installed()?;
    let small = DaybookClinic::with_history(arguments.events).await?;
    let own_size = DaybookClinic::with_history(arguments.own_events).await?;
    report_progress("writing the same events in plain text");
    let history = PlainHistory::write(&small.clinic).await?;
    ensure!(
        history.events == small.reservation_events,
        "{} events were written in plain text",
        history.events
    );
    let databases = Databases::load(&history).await?;
    let (mut ours, mut ours_own_size) = (Vec::new(), Vec::new());
    let mut theirs: Vec<Vec<LibraryRound>> = Contestant::ALL.iter().map(|_| Vec::new()).collect();
    for round in 1..=ROUNDS {
        report_progress(&format!("round {round} of {ROUNDS}: daybook"));
        let report = small.rebuild(&mut ours).await?;
        own_size.rebuild(&mut ours_own_size).await?;
        let expected = Rows::from_daybook(&small.clinic, &report).await?;
        for (contestant, rounds) in Contestant::ALL.iter().zip(&mut theirs) {
            report_progress(&format!("round {round} of {ROUNDS}: {}", contestant.name));
            let (seconds, found) = contestant.rebuild(&databases, round).await?;
            rounds.push(LibraryRound { seconds, agreement: Agreement::compare(&expected, &found) });
        }
    }
    let lines = Contestant::ALL.iter().zip(theirs).map(|(contestant, rounds)| line(contestant, rounds));
    let measured = Measured {
        events: small.reservation_events,
        ours,
        own_events: own_size.reservation_events,
        ours_own_size,
        peers: lines.collect(),
    };
    Ok(table::write(&measured, out)?)
}

/// One round of a library.
struct LibraryRound {
    seconds: f64,
    agreement: Agreement,
}

/// The rounds of a library as a line of the table. Of its rows, the worst round counts.
fn line(contestant: &Contestant, rounds: Vec<LibraryRound>) -> Line {
    let agreement = rounds.iter().map(|round| round.agreement).min_by_key(|agreement| agreement.equal);
    Line {
        name: contestant.name,
        seconds: rounds.iter().map(|round| round.seconds).collect(),
        agreement: agreement.unwrap_or_default(),
    }
}

/// A Daybook clinic with a history.
struct DaybookClinic {
    clinic: Clinic,
    /// Events in the log, including those of the clinic's first start.
    events: u64,
    reservation_events: u64,
}

impl DaybookClinic {
    /// Writes a history of about this many events and rebuilds from it once. That rebuild does not count.
    async fn with_history(events: u32) -> anyhow::Result<Self> {
        report_progress(&format!("writing a history of {events} events into Daybook's log"));
        let clinic = Clinic::without_views().await?;
        let before = clinic.log.head().await?.commit();
        let reservations = events.div_ceil(rebuild::EVENTS_OF_TEN_RESERVATIONS) * 10;
        let history = history::write(&clinic, reservations).await?;
        clinic.rebuild().missing().await?.context("the clinic already had views")?;
        Ok(Self { clinic, events: history.events, reservation_events: history.events - before })
    }

    /// Rebuilds both views and records the seconds.
    async fn rebuild(&self, rounds: &mut Vec<f64>) -> anyhow::Result<RebuildReport> {
        let (seconds, report) = rebuild::rebuild(&self.clinic).await?;
        ensure!(report.events == self.events, "Daybook read {} events", report.events);
        ensure!(report.generations.len() == ReadModel::ALL.len(), "a view was not rebuilt");
        rounds.push(seconds);
        Ok(report)
    }
}

/// Reports progress on standard error. Results go to standard output.
fn report_progress(text: &str) {
    // If this cannot be written, the table still shows the result.
    drop(writeln!(std::io::stderr(), "peers: {text}"));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn arguments(line: &str) -> anyhow::Result<Arguments> {
        Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn sizes_come_from_the_command_line_or_the_defaults() {
        for (line, events, own_events) in [
            ("", EVENTS, rebuild::EVENTS),
            ("5000", 5000, rebuild::EVENTS),
            ("5000 1000000", 5000, 1_000_000),
        ] {
            assert_eq!(arguments(line).unwrap(), Arguments { events, own_events }, "{line}");
        }
    }

    #[test]
    fn other_arguments_are_refused() {
        for line in ["many", "99", "5000 0", "1000 1000 1000", "--events 1000"] {
            assert!(arguments(line).is_err(), "{line}");
        }
    }
}
