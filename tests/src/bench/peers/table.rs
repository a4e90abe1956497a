//! Formats the measured rounds as the comparison table.
//!
//! It must never hide wrong rows of a library, or a ratio that is bad for Daybook.

use std::io::{self, Write};

use super::super::report::median;
use super::rows::Agreement;

/// All measurements. Rounds with the same index were measured in turn.
#[derive(Debug)]
pub(super) struct Measured {
    /// Events that all rebuilt from.
    pub(super) events: u64,
    /// Daybook's seconds for them.
    pub(super) ours: Vec<f64>,
    /// Events that Daybook rebuilt from at its own size.
    pub(super) own_events: u64,
    /// Daybook's seconds for those.
    pub(super) ours_own_size: Vec<f64>,
    pub(super) peers: Vec<Line>,
}

/// The measurements of one library.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    /// One value per round.
    pub(super) seconds: Vec<f64>,
    /// The agreement of the worst round.
    pub(super) agreement: Agreement,
}

impl Measured {
    fn rates(events: u64, seconds: &[f64]) -> impl Iterator<Item = f64> {
        seconds.iter().map(move |seconds| events as f64 / seconds)
    }

    /// How many times more events per second Daybook processes than a library, from the same events.
    fn ratio(&self, line: &Line) -> f64 {
        self.times(self.events, &self.ours, line)
    }

    /// The same ratio with Daybook at its own size.
    fn ratio_own_size(&self, line: &Line) -> f64 {
        self.times(self.own_events, &self.ours_own_size, line)
    }

    fn times(&self, events: u64, ours: &[f64], line: &Line) -> f64 {
        let theirs = Self::rates(self.events, &line.seconds);
        median(Self::rates(events, ours).zip(theirs).map(|(ours, theirs)| ours / theirs))
    }
}

/// Writes the table and two lines for each library: the ratio for the same events, and for Daybook's own size.
pub(super) fn write(measured: &Measured, out: &mut impl Write) -> io::Result<()> {
    let head = ["events", "seconds", "events/s", "times", "times, own size"];
    let [events, seconds, rate, times, own_size] = head;
    writeln!(out, "{:<14} {events:>9} {seconds:>9} {rate:>9} {times:>7} {own_size:>16}  rows", "rebuild by")?;
    for (events, seconds) in
        [(measured.events, &measured.ours), (measured.own_events, &measured.ours_own_size)]
    {
        writeln!(out, "{}", speed("daybook", events, seconds))?;
    }
    for line in &measured.peers {
        let speed = speed(line.name, measured.events, &line.seconds);
        let (times, own_size) = (measured.ratio(line), measured.ratio_own_size(line));
        writeln!(out, "{speed} {times:>7.1} {own_size:>16.1}  {}", rows(line.agreement))?;
    }
    writeln!(out, "\ntimes: how many times more events per second Daybook processes, from the same events")?;
    writeln!(out, "times, own size: the same, where Daybook rebuilds from {} events", measured.own_events)?;
    writeln!(
        out,
        "median of {} rounds, in turns; see tests/bench/peers/README.md for what is compared\n",
        measured.ours.len()
    )?;
    for line in &measured.peers {
        writeln!(out, "peer {} {:.2}", line.name, measured.ratio(line))?;
    }
    for line in &measured.peers {
        writeln!(out, "peer_own_size {} {:.2}", line.name, measured.ratio_own_size(line))?;
    }
    out.flush()
}

fn speed(name: &str, events: u64, seconds: &[f64]) -> String {
    let rate = median(Measured::rates(events, seconds));
    let seconds = median(seconds.iter().copied());
    format!("{name:<14} {events:>9} {seconds:>9.2} {rate:>9.0}")
}

fn rows(agreement: Agreement) -> String {
    let Agreement { expected, found, equal } = agreement;
    if agreement.is_complete() {
        format!("all {expected} as Daybook's")
    } else {
        format!("WRONG: {equal} of {expected} as Daybook's, {found} there")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn formatted(equal: usize) -> String {
        let agreement = Agreement { expected: 400, found: equal, equal };
        let measured = Measured {
            events: 1000,
            ours: vec![0.1, 0.1, 0.4],
            own_events: 10_000,
            ours_own_size: vec![0.5, 0.5, 0.5],
            peers: vec![Line { name: "emmett", seconds: vec![1.0, 2.0, 4.0], agreement }],
        };
        let mut out = Vec::new();
        write(&measured, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ratios_compare_events_per_second_of_the_median_round() {
        let text = formatted(400);
        assert!(text.ends_with("\npeer emmett 10.00\npeer_own_size emmett 40.00\n"), "{text}");
    }

    #[test]
    fn a_library_that_loses_rows_is_marked_wrong() {
        assert!(!formatted(400).contains("WRONG"));
        assert!(formatted(399).contains("WRONG: 399 of 400"));
    }
}
