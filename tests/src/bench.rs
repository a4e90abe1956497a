//! The benchmark: a few figures, each a ratio to this machine's limit, measured in the same run.
//!
//! The two sides of a ratio alternate round by round, so that a machine that slows down slows both; the median round
//! counts. A figure must never be compared with a number from another run or another machine.

mod append;
mod esdb;
mod flip;
pub mod history;
mod json_text;
pub mod peers;
mod project;
mod read;
mod rebuild;
mod report;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};

use report::Measured;

/// A figure of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Bookings per second through the write side ÷ durable single-row inserts per second.
    Append,
    /// Time to rebuild both views ÷ time to copy the events out and the finished rows in.
    Rebuild,
    /// Read latency during a promotion ÷ its limit.
    Flip,
    /// Events per second through live projection ÷ events per second if their rows are only upserted.
    Project,
    /// Lookups per second over the API ÷ those of a bare endpoint.
    Read,
    /// Events per second into EventStoreDB ÷ those of a bare client.
    AppendEsdb,
    /// Events per second out of EventStoreDB ÷ those of a bare client.
    FollowEsdb,
}

impl Figure {
    /// All figures, in the order of measurement.
    pub const ALL: [Self; 7] = [
        Self::Append,
        Self::Rebuild,
        Self::Flip,
        Self::Project,
        Self::Read,
        Self::AppendEsdb,
        Self::FollowEsdb,
    ];

    /// The name in the table and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Rebuild => "rebuild",
            Self::Flip => "flip",
            Self::Project => "project",
            Self::Read => "read",
            Self::AppendEsdb => "append_esdb",
            Self::FollowEsdb => "follow_esdb",
        }
    }

    fn from_name(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name).with_context(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("there is no figure {name:?}; the figures are {all}")
        })
    }

    async fn measure(self, events: u32) -> anyhow::Result<Measured> {
        match self {
            Self::Append => append::measure().await,
            Self::Rebuild => rebuild::measure(events).await,
            Self::Flip => flip::measure().await,
            Self::Project => project::measure().await,
            Self::Read => read::measure().await,
            Self::AppendEsdb => esdb::measure_append().await,
            Self::FollowEsdb => esdb::measure_follow().await,
        }
    }
}

/// The parsed command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// In the order of measurement.
    pub figures: Vec<Figure>,
    /// Number of events for the rebuild.
    pub events: u32,
}

impl Arguments {
    /// Parses the arguments. Without `--only NAME` all figures are measured; `--events NUMBER` sets the size of the
    /// rebuild.
    ///
    /// # Errors
    /// If an argument is unknown or invalid.
    pub fn parse(arguments: &[String]) -> anyhow::Result<Self> {
        let mut parsed = Self { figures: Figure::ALL.to_vec(), events: rebuild::EVENTS };
        for option in arguments.chunks(2) {
            match option {
                [option, name] if option == "--only" => parsed.figures = vec![Figure::from_name(name)?],
                [option, number] if option == "--events" => {
                    parsed.events = number.parse().context("--events takes a number")?;
                }
                _ => {
                    let all = Figure::ALL.map(Figure::name).join("|");
                    bail!("usage: bench [--only {all}] [--events NUMBER]");
                }
            }
        }
        Ok(parsed)
    }
}

/// Measures the figures and writes the table, with one line `name ratio` for each figure at the end.
///
/// # Errors
/// If a figure cannot be measured. A missed target is not an error.
pub async fn run(parsed: &Arguments, out: &mut impl Write) -> anyhow::Result<()> {
    let mut all = Vec::with_capacity(parsed.figures.len());
    for figure in &parsed.figures {
        all.push(figure.measure(parsed.events).await?);
    }
    Ok(report::write(&all, out)?)
}

/// Writes the error and returns the exit code for it.
pub fn report_error(error: &anyhow::Error, out: &mut impl Write) -> ExitCode {
    // If even this cannot be written, the exit code still shows the failure.
    drop(writeln!(out, "bench: {error:#}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parsed(line: &str) -> anyhow::Result<Arguments> {
        Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn every_figure_is_measured_unless_one_is_named() {
        assert_eq!(parsed("").unwrap(), Arguments { figures: Figure::ALL.to_vec(), events: rebuild::EVENTS });
        for figure in Figure::ALL {
            let line = format!("--only {} --events 1000", figure.name());
            assert_eq!(parsed(&line).unwrap(), Arguments { figures: vec![figure], events: 1000 });
        }
    }

    #[test]
    fn other_arguments_are_refused() {
        for line in ["append", "--only", "--only write", "--only append read", "--all", "--events many"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
