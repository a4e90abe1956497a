//! Progress of a long command: a bar with rate and remaining time on a terminal, occasional plain lines elsewhere.
//!
//! It goes to standard error and must never fail the command.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressDrawTarget, ProgressStyle};

use super::{grouped, say, seconds};

/// Steps of a bar. A fraction is shown to a hundredth of a percent.
const BAR_STEPS: u64 = 10_000;

/// A bar while something is counted.
const BAR: &str = "{bar:30} {percent:>3} %  {msg}, {eta} to go";

/// How often the bar is redrawn without progress, so that its times stay current.
const BAR_TICK: Duration = Duration::from_millis(200);

/// Shortest time between plain lines, so that they do not fill a log.
const LINE_PAUSE: Duration = Duration::from_secs(2);

/// Shows progress. Dropping it removes the bar.
#[derive(Debug)]
pub(crate) struct ProgressBar {
    unit: &'static str,
    since: Instant,
    bar: Option<indicatif::ProgressBar>,
    last: Mutex<Option<LastLine>>,
}

/// The last plain line.
#[derive(Debug)]
struct LastLine {
    phase: &'static str,
    at: Instant,
}

impl ProgressBar {
    /// A bar that counts these units, such as `rows` or `events`.
    pub(crate) fn new(unit: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(new_bar);
        Self { unit, since: Instant::now(), bar, last: Mutex::new(None) }
    }

    /// Shows the number of processed units, and their fraction of all if it is known.
    pub(crate) fn update(&self, phase: &'static str, done: u64, fraction: Option<f64>) {
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

    /// Starts a phase without a count.
    pub(crate) fn start(&self, phase: &'static str) {
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
            *last = Some(LastLine { phase, at: Instant::now() });
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

/// The templates are constants; the default style replaces an invalid one.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn steps(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * BAR_STEPS as f64) as u64
}

/// Units per second.
fn rate(done: u64, elapsed: Duration) -> u64 {
    (done as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

fn with_rest(text: String, fraction: Option<f64>, elapsed: Duration) -> String {
    let Some(fraction) = fraction.filter(|fraction| *fraction > 0.0) else { return text };
    let rest_seconds = elapsed.as_secs_f64() * (1.0 - fraction.min(1.0)) / fraction;
    format!("{text}, {:.0} %, {} to go", fraction.min(1.0) * 100.0, seconds(rest_seconds.round()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_follows_from_the_progress() {
        let text = with_rest("reading: 10 rows".to_owned(), Some(0.25), Duration::from_secs(5));
        assert_eq!(text, "reading: 10 rows, 25 %, 15s to go");
        assert_eq!(with_rest("reading".to_owned(), None, Duration::ZERO), "reading");
        assert_eq!(with_rest("reading".to_owned(), Some(0.0), Duration::ZERO), "reading");
    }

    #[test]
    fn a_new_phase_is_reported_at_once_and_only_once() {
        let bar = ProgressBar { unit: "rows", since: Instant::now(), bar: None, last: Mutex::new(None) };
        assert!(bar.is_line_due("reading"));
        assert!(!bar.is_line_due("reading"));
        assert!(bar.is_line_due("loading"));
    }

    #[test]
    fn a_rate_is_per_second_and_a_fraction_stays_within_the_bar() {
        assert_eq!(rate(500, Duration::from_millis(250)), 2000);
        assert_eq!((steps(-1.0), steps(0.5), steps(7.0)), (0, BAR_STEPS / 2, BAR_STEPS));
    }
}
