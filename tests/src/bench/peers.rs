//! Daybook's rebuild beside that of other event-sourcing libraries: the same machine, the same events, the same rows.
//!
//! Each library rebuilds by its own means, in a process of its own that lives in `tests/bench/peers`; what is fair about
//! it and what is not stands in the README there. All take turns, round after round, and the median round counts. It must
//! never give a figure to a library without saying how many of its rows are those of Daybook.

mod contestant;
mod past;
mod rows;
mod table;

use std::io::Write;

use anyhow::{Context, bail, ensure};
use daybook_domain::ReadModel;
use daybook_projections::RebuildReport;

use self::contestant::{Contestant, Databases};
use self::past::ClearPast;
use self::rows::{Agreement, Rows};
use self::table::{Line, Measured};
use super::{history, rebuild};
use crate::clinic::Clinic;

/// Events that all rebuild from, unless the command line says otherwise: a few minutes for the slowest.
const EVENTS: u32 = 20_000;

/// Rounds that are counted.
const ROUNDS: u32 = 3;

/// The smallest past: one that is rebuilt in no time says nothing.
const MIN_EVENTS: u32 = 100;

/// What a command line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Events from which all rebuild.
    pub events: u32,
    /// Events from which Daybook rebuilds as well: a size that the others do not come to in an hour.
    pub own_events: u32,
}

impl Wanted {
    /// `[EVENTS [OWN_EVENTS]]`.
    ///
    /// # Errors
    /// When it asks for something else.
    pub fn read(arguments: &[String]) -> anyhow::Result<Self> {
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

/// Rebuilds with each, and writes the table, with one line `peer NAME ratio` for each library at its end.
///
/// # Errors
/// When one could not be measured. A library that loses events is none: the table says so.
pub async fn run(wanted: Wanted, out: &mut impl Write) -> anyhow::Result<()> {
    contestant::check_installed()?;
    let small = Ours::with_a_past(wanted.events).await?;
    let own_size = Ours::with_a_past(wanted.own_events).await?;
    say("writing the same events in the clear");
    let past = ClearPast::write(&small.clinic).await?;
    ensure!(past.events == small.reservation_events, "{} events were written in the clear", past.events);
    let databases = Databases::load(&past).await?;
    let (mut ours, mut ours_own_size) = (Vec::new(), Vec::new());
    let mut theirs: Vec<Vec<Theirs>> = Contestant::ALL.iter().map(|_| Vec::new()).collect();
    for round in 1..=ROUNDS {
        say(&format!("round {round} of {ROUNDS}: daybook"));
        let report = small.rebuild(&mut ours).await?;
        own_size.rebuild(&mut ours_own_size).await?;
        let expected = Rows::of_daybook(&small.clinic, &report).await?;
        for (contestant, rounds) in Contestant::ALL.iter().zip(&mut theirs) {
            say(&format!("round {round} of {ROUNDS}: {}", contestant.name));
            let (seconds, found) = contestant.rebuild(&databases, round).await?;
            rounds.push(Theirs { seconds, agreement: Agreement::of(&expected, &found) });
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

/// A round of a library.
struct Theirs {
    seconds: f64,
    agreement: Agreement,
}

/// A library's rounds as a line of the table: of its rows the worst round counts.
fn line(contestant: &Contestant, rounds: Vec<Theirs>) -> Line {
    let agreement = rounds.iter().map(|round| round.agreement).min_by_key(|agreement| agreement.equal);
    Line {
        name: contestant.name,
        seconds: rounds.iter().map(|round| round.seconds).collect(),
        agreement: agreement.unwrap_or_default(),
    }
}

/// A clinic of Daybook with a past.
struct Ours {
    clinic: Clinic,
    /// Events in the log, those of the clinic's first start among them.
    events: u64,
    /// Events of its reservations.
    reservation_events: u64,
}

impl Ours {
    /// Writes a past of about so many events, and rebuilds from it once: that round is not counted.
    async fn with_a_past(events: u32) -> anyhow::Result<Self> {
        say(&format!("writing a past of {events} events into Daybook's log"));
        let clinic = Clinic::without_views().await?;
        let before = clinic.log.head().await?.commit();
        let reservations = events.div_ceil(rebuild::EVENTS_OF_TEN_RESERVATIONS) * 10;
        let history = history::write(&clinic, reservations).await?;
        clinic.rebuild().missing().await?.context("a clinic that had views already")?;
        Ok(Self { clinic, events: history.events, reservation_events: history.events - before })
    }

    /// Rebuilds both views, and notes the seconds.
    async fn rebuild(&self, rounds: &mut Vec<f64>) -> anyhow::Result<RebuildReport> {
        let (seconds, report) = rebuild::rebuild(&self.clinic).await?;
        ensure!(report.events == self.events, "Daybook read {} events", report.events);
        ensure!(report.generations.len() == ReadModel::ALL.len(), "not both views were rebuilt");
        rounds.push(seconds);
        Ok(report)
    }
}

/// Says how far it is. What is measured goes to standard output alone.
fn say(text: &str) {
    // Where nothing can be written, the table still tells.
    drop(writeln!(std::io::stderr(), "peers: {text}"));
}

#[cfg(test)]
mod tests {
    //! What the command line asks for.
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn wanted(line: &str) -> anyhow::Result<Wanted> {
        Wanted::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn sizes_are_those_of_the_command_line_or_the_usual_ones() {
        for (line, events, own_events) in [
            ("", EVENTS, rebuild::EVENTS),
            ("5000", 5000, rebuild::EVENTS),
            ("5000 1000000", 5000, 1_000_000),
        ] {
            assert_eq!(wanted(line).unwrap(), Wanted { events, own_events }, "{line}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["many", "99", "5000 0", "1000 1000 1000", "--events 1000"] {
            assert!(wanted(line).is_err(), "{line}");
        }
    }
}
