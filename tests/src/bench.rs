//! The benchmark: a few figures, each a ratio to this machine's own limit, measured in the same run.
//!
//! The two sides of a ratio take turns, round after round, so that a machine that slows down slows both; the median
//! round counts. It must never compare with a number from another run or another machine.

mod append;
mod asker;
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

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Bookings a second through the write side ÷ single-row durable inserts a second.
    Append,
    /// Time to rebuild both views ÷ time to copy the events out and the finished rows in.
    Rebuild,
    /// How long reads take during a promotion ÷ how long they may take.
    Flip,
    /// Events a second through live projection ÷ those whose rows are upserted alone.
    Project,
    /// Lookups a second over the API ÷ those of a bare endpoint.
    Read,
    /// Events a second into EventStoreDB ÷ by a bare client.
    AppendEsdb,
    /// Events a second out of EventStoreDB ÷ by a bare client.
    FollowEsdb,
}

impl Figure {
    /// All of them, in the order in which they are measured.
    pub const ALL: [Self; 7] = [
        Self::Append,
        Self::Rebuild,
        Self::Flip,
        Self::Project,
        Self::Read,
        Self::AppendEsdb,
        Self::FollowEsdb,
    ];

    /// Its name in the table and on the command line.
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

    fn named(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name).with_context(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("no figure is called {name:?}; there are {all}")
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

/// What a command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The figures, in their order.
    pub figures: Vec<Figure>,
    /// Events from which views are rebuilt.
    pub events: u32,
}

impl Wanted {
    /// All figures, unless `--only NAME` says which; `--events NUMBER` for a rebuild of another size.
    ///
    /// # Errors
    /// When it asks for something else.
    pub fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let mut wanted = Self { figures: Figure::ALL.to_vec(), events: rebuild::EVENTS };
        for option in arguments.chunks(2) {
            match option {
                [option, name] if option == "--only" => wanted.figures = vec![Figure::named(name)?],
                [option, number] if option == "--events" => {
                    wanted.events = number.parse().context("--events takes a number")?;
                }
                _ => {
                    let all = Figure::ALL.map(Figure::name).join("|");
                    bail!("usage: bench [--only {all}] [--events NUMBER]");
                }
            }
        }
        Ok(wanted)
    }
}

/// Measures figures and writes the table, with one line `name ratio` for each at its end.
///
/// # Errors
/// When one could not be measured. A figure that misses its aim is none.
pub async fn run(wanted: &Wanted, out: &mut impl Write) -> anyhow::Result<()> {
    let mut all = Vec::with_capacity(wanted.figures.len());
    for figure in &wanted.figures {
        all.push(figure.measure(wanted.events).await?);
    }
    Ok(report::write(&all, out)?)
}

/// Says what went wrong, and that something did.
pub fn failed(error: &anyhow::Error, out: &mut impl Write) -> ExitCode {
    // Where nothing can be written, the exit code still tells.
    drop(writeln!(out, "bench: {error:#}"));
    ExitCode::FAILURE
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
    fn all_are_measured_unless_one_is_named() {
        assert_eq!(wanted("").unwrap(), Wanted { figures: Figure::ALL.to_vec(), events: rebuild::EVENTS });
        for figure in Figure::ALL {
            let line = format!("--only {} --events 1000", figure.name());
            assert_eq!(wanted(&line).unwrap(), Wanted { figures: vec![figure], events: 1000 });
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["append", "--only", "--only write", "--only append read", "--all", "--events many"] {
            assert!(wanted(line).is_err(), "{line}");
        }
    }
}
