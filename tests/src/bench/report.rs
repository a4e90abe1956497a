//! Turns rounds into figures, and figures into a table.
//!
//! It must never hide a missed target.

use std::io::{self, Write};

use super::Figure;

/// One measurement of both sides of a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Round {
    pub(super) ours: f64,
    /// The machine's value.
    pub(super) limit: f64,
}

/// The unit of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Higher is better.
    PerSecond,
    /// Lower is better.
    Seconds,
    /// Lower is better.
    Milliseconds,
}

/// The target for a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// A measured figure.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) figure: Figure,
    /// Descriptions of the numerator and the denominator.
    pub(super) what: [&'static str; 2],
    pub(super) unit: Unit,
    pub(super) aim: Aim,
    pub(super) rounds: Vec<Round>,
    /// Additional lines below the table.
    pub(super) notes: Vec<String>,
}

impl Measured {
    fn ratio(&self) -> f64 {
        median(self.rounds.iter().map(|round| round.ours / round.limit))
    }

    fn ours(&self) -> String {
        self.unit.show(median(self.rounds.iter().map(|round| round.ours)))
    }

    fn limit(&self) -> String {
        self.unit.show(median(self.rounds.iter().map(|round| round.limit)))
    }

    fn ratios(&self) -> String {
        let ratios = self.rounds.iter().map(|round| format!("{:.2}", round.ours / round.limit));
        ratios.collect::<Vec<_>>().join(" ")
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Milliseconds => format!("{value:.2} ms"),
        }
    }
}

impl Aim {
    /// Uses the ratio as printed, so that the table does not contradict itself.
    fn verdict(self, ratio: f64) -> &'static str {
        let printed = (ratio * 100.0).round() / 100.0;
        let met = match self {
            Self::AtLeast(least) => printed >= least,
            Self::AtMost(most) => printed <= most,
        };
        if met { "met" } else { "MISSED" }
    }

    fn show(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least:.2}"),
            Self::AtMost(most) => format!("<= {most:.2}"),
        }
    }
}

/// The median; of an even number of values the lower one in the middle.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Writes the table, the notes for each figure, and one line `name ratio` for each.
pub(super) fn write(all: &[Measured], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<11} {:>12} {:>12} {:>7}  {:<8} aim is", "figure", "ours", "limit", "ratio", "aim")?;
    for measured in all {
        let (name, ratio, aim) = (measured.figure.name(), measured.ratio(), measured.aim);
        let (ours, limit, verdict) = (measured.ours(), measured.limit(), aim.verdict(ratio));
        writeln!(out, "{name:<11} {ours:>12} {limit:>12} {ratio:>7.2}  {:<8} {verdict}", aim.show())?;
    }
    for measured in all {
        let [ours, limit] = measured.what;
        writeln!(out, "\n{}: {ours}\n  ÷ {limit}", measured.figure.name())?;
        writeln!(out, "  median of {} rounds: {}", measured.rounds.len(), measured.ratios())?;
        for note in &measured.notes {
            writeln!(out, "  {note}")?;
        }
    }
    writeln!(out)?;
    for measured in all {
        writeln!(out, "{} {:.2}", measured.figure.name(), measured.ratio())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn measured(aim: Aim, ours: &[f64]) -> Measured {
        let round = |ours: &f64| Round { ours: *ours, limit: 100.0 };
        let rounds = ours.iter().map(round).collect();
        let what = ["bookings", "inserts"];
        Measured { figure: Figure::Append, what, unit: Unit::PerSecond, aim, rounds, notes: vec![] }
    }

    fn formatted(measured: Measured) -> String {
        let mut out = Vec::new();
        write(&[measured], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_median_round_counts() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 1.0);
        let text = formatted(measured(Aim::AtLeast(1.0), &[90.0, 123.0, 500.0]));
        assert!(text.ends_with("\nappend 1.23\n"), "{text}");
    }

    #[test]
    fn a_missed_target_is_reported() {
        for (aim, ours, missed) in [
            (Aim::AtLeast(1.0), 99.0, true),
            (Aim::AtLeast(1.0), 99.9, false),
            (Aim::AtMost(2.0), 201.0, true),
            (Aim::AtMost(2.0), 200.0, false),
        ] {
            assert_eq!(formatted(measured(aim, &[ours])).contains("MISSED"), missed, "{aim:?} {ours}");
        }
    }
}
