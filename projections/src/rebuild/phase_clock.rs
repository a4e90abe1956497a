//! The phase and progress of a rebuild, and the duration of each phase.
//!
//! It must never delay a rebuild: listeners are called, and nobody waits for anybody.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::watch;

/// The phase of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the log into histories.
    Reading,
    Loading,
    /// Creating keys and indexes.
    Indexing,
    /// Applying the events that were appended meanwhile.
    CatchingUp,
    Promoting,
}

impl Phase {
    /// The value in reports and in `control.generations`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Loading => "loading",
            Self::Indexing => "indexing",
            Self::CatchingUp => "catching_up",
            Self::Promoting => "promoting",
        }
    }
}

/// The progress of a rebuild.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Events read, each counted once.
    pub events: u64,
    /// The fraction of the reading that is done, from 0 to 1, over all passes known so far.
    pub read_fraction: f64,
    /// The present pass over the log, from 1, and the number of passes known so far.
    pub pass: (usize, usize),
}

/// Receives the progress of a rebuild.
pub type Listener<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Reports phases and measures them.
pub(super) struct PhaseClock<'a> {
    listener: Listener<'a>,
    record: watch::Sender<Option<Progress>>,
    current: Option<(Phase, Instant)>,
    seconds: BTreeMap<&'static str, f64>,
    /// Events read, each counted once.
    pub(super) events: u64,
    read_fraction: f64,
    pass: (usize, usize),
}

impl<'a> PhaseClock<'a> {
    pub(super) fn new(listener: Listener<'a>) -> Self {
        Self {
            listener,
            record: watch::Sender::new(None),
            current: None,
            seconds: BTreeMap::new(),
            events: 0,
            read_fraction: 0.0,
            pass: (1, 1),
        }
    }

    /// The progress, for observers that poll.
    pub(super) fn follow(&self) -> watch::Receiver<Option<Progress>> {
        self.record.subscribe()
    }

    pub(super) fn start(&mut self, phase: Phase) {
        self.close();
        self.current = Some((phase, Instant::now()));
        self.report();
    }

    /// Begins a pass, given the numbers of passes done and still to come.
    pub(super) fn begin_pass(&mut self, done: usize, to_come: usize) {
        self.pass = (done + 1, done + 1 + to_come);
        self.report();
    }

    /// Counts events that were read; `fraction` is the progress of the present pass.
    pub(super) fn read(&mut self, events: u64, fraction: f64) {
        let (pass, passes) = self.pass;
        // Later passes read the same events again.
        if pass == 1 {
            self.events += events;
        }
        self.read_fraction = ((pass - 1) as f64 + fraction) / passes as f64;
        self.report();
    }

    fn report(&self) {
        let Some((phase, _)) = self.current else { return };
        let Self { events, read_fraction, pass, .. } = *self;
        let progress = Progress { phase, events, read_fraction, pass };
        (self.listener)(progress);
        self.record.send_replace(Some(progress));
    }

    fn close(&mut self) {
        if let Some((phase, since)) = self.current.take() {
            *self.seconds.entry(phase.as_str()).or_default() += since.elapsed().as_secs_f64();
        }
    }

    /// Seconds by phase.
    pub(super) fn finish(mut self) -> BTreeMap<&'static str, f64> {
        self.close();
        self.seconds
    }
}
