//! How far a long command is: a bar with rate and time to go on a terminal, now and then a plain line elsewhere.
//!
//! It goes to standard error and never fails the command that it tells about.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressDrawTarget, ProgressStyle};

use super::{grouped, say};

/// Steps of a bar. A fraction is shown to a hundredth of a percent.
const BAR_STEPS: u64 = 10_000;

/// A bar while something is counted.
const BAR: &str = "{bar:30} {percent:>3} %  {msg}, {eta} to go";

/// How often the bar is drawn anew though nothing happened, so that the time goes on.
const BAR_TICK: Duration = Duration::from_millis(200);

/// Plain lines are at least so far apart, so that they do not fill a log.
const LINE_PAUSE: Duration = Duration::from_secs(2);

/// Tells how far a command is. Dropping it takes the bar away.
#[derive(Debug)]
pub(crate) struct ProgressBar {
    unit: &'static str,
    since: Instant,
    bar: Option<indicatif::ProgressBar>,
    last: Mutex<Option<Line>>,
}

/// The last plain line.
#[derive(Debug)]
struct Line {
    phase: &'static str,
    at: Instant,
}

impl ProgressBar {
    /// A meter of things that are called so: `rows`, `events`.
    pub(crate) fn new(unit: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(new_bar);
        Self { unit, since: Instant::now(), bar, last: Mutex::new(None) }
    }

    /// So many are done, which is this part of all where it is known.
    pub(crate) fn tell(&self, phase: &'static str, done: u64, fraction: Option<f64>) {
        let elapsed = self.since.elapsed();
        let text = format!("{phase}: {} {}, {}/s", grouped(done), self.unit, grouped(rate(done, elapsed)));
        match &self.bar {
            Some(bar) => {
                bar.set_style(style(BAR));
                bar.set_position(steps(fraction.unwrap_or(0.0)));
                bar.set_message(text);
            }
            None if self.is_line_due(phase) => say(with_rest(text, fraction, elapsed)),
            None => {}
        }
    }

    /// A phase began in which nothing is counted.
    pub(crate) fn enter(&self, phase: &'static str) {
        match &self.bar {
            Some(bar) => {
                bar.set_style(style("{spinner} {msg}"));
                bar.set_message(phase);
            }
            None if self.is_line_due(phase) => say(phase),
            None => {}
        }
    }

    fn is_line_due(&self, phase: &'static str) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.as_ref().is_none_or(|last| last.phase != phase || last.at.elapsed() >= LINE_PAUSE);
        if due {
            *last = Some(Line { phase, at: Instant::now() });
        }
        due
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::with_draw_target(Some(BAR_STEPS), ProgressDrawTarget::stderr());
    bar.set_style(style(BAR));
    bar.enable_steady_tick(BAR_TICK);
    bar
}

/// The templates are ours; were one wrong, the usual one would do.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn steps(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * BAR_STEPS as f64) as u64
}

/// Things a second.
fn rate(done: u64, elapsed: Duration) -> u64 {
    (done as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

fn with_rest(text: String, fraction: Option<f64>, elapsed: Duration) -> String {
    let Some(fraction) = fraction.filter(|fraction| *fraction > 0.0) else { return text };
    let rest_seconds = elapsed.as_secs_f64() * (1.0 - fraction.min(1.0)) / fraction;
    format!("{text}, {:.0} %, {rest_seconds:.0} s to go", fraction.min(1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_go_follows_from_what_is_done() {
        let text = with_rest("reading: 10 rows".to_owned(), Some(0.25), Duration::from_secs(5));
        assert_eq!(text, "reading: 10 rows, 25 %, 15 s to go");
        assert_eq!(with_rest("reading".to_owned(), None, Duration::ZERO), "reading");
        assert_eq!(with_rest("reading".to_owned(), Some(0.0), Duration::ZERO), "reading");
    }

    #[test]
    fn a_new_phase_is_told_at_once_and_the_same_one_not_again() {
        let meter = ProgressBar { unit: "rows", since: Instant::now(), bar: None, last: Mutex::new(None) };
        assert!(meter.is_line_due("reading"));
        assert!(!meter.is_line_due("reading"));
        assert!(meter.is_line_due("loading"));
    }

    #[test]
    fn a_rate_is_things_a_second_and_a_fraction_stays_on_the_bar() {
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
        assert_eq!((steps(-1.0), steps(0.5), steps(7.0)), (0, BAR_STEPS / 2, BAR_STEPS));
    }
}
