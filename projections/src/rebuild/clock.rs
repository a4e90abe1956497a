//! What a rebuild is doing, how far it is, and how long each phase took.
//!
//! It must never hold a rebuild up: whoever listens is told, and nobody waits for anybody.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;
use tokio::sync::watch;

/// What a rebuild is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the log and gathering what happened.
    Reading,
    /// Copying rows.
    Loading,
    /// Making keys and indexes.
    Indexing,
    /// Taking in what was appended meanwhile.
    CatchingUp,
    /// Comparing and promoting.
    Promoting,
}

impl Phase {
    /// As reports and `control.generations` hold it.
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

/// How far a rebuild has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Events read, each counted once.
    pub events: u64,
    /// How much of what is to be read that is, from 0 to 1, over all passes that are known of.
    pub read_fraction: f64,
    /// Number of the present pass over the log, from 1, and how many there are as far as is known.
    pub pass: (usize, usize),
}

/// Whoever is told how far a rebuild is.
pub type Listener<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Tells phases, and how long each took.
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

    /// The progress, for whoever looks from time to time.
    pub(super) fn follow(&self) -> watch::Receiver<Option<Progress>> {
        self.record.subscribe()
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.close();
        self.current = Some((phase, Instant::now()));
        self.tell();
    }

    /// A pass begins, after so many and with so many to come.
    pub(super) fn begin_pass(&mut self, done: usize, to_come: usize) {
        self.pass = (done + 1, done + 1 + to_come);
        self.tell();
    }

    /// So many events were read, which is so much of the present pass.
    pub(super) fn read(&mut self, events: u64, fraction: f64) {
        let (pass, passes) = self.pass;
        // Later passes read again what the first one has read.
        if pass == 1 {
            self.events += events;
        }
        self.read_fraction = ((pass - 1) as f64 + fraction) / passes as f64;
        self.tell();
    }

    fn tell(&self) {
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
