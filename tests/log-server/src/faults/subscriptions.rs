//! Faults for running subscriptions.
//!
//! Ending subscriptions must never affect a subscription that starts later.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;

/// How a subscription ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// Ends with OK, as if there were no more events.
    #[default]
    Ok,
    /// Ends with UNAVAILABLE.
    Unavailable,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    silent: bool,
    /// The number of times that subscriptions were ended.
    endings: u64,
    last: Ending,
}

/// The switches that control all subscriptions of a server.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscriptions {
    state: Arc<watch::Sender<State>>,
}

impl Subscriptions {
    pub(super) fn end(&self, ending: Ending) {
        self.state.send_modify(|state| {
            state.endings += 1;
            state.last = ending;
        });
    }

    pub(super) fn silence(&self, silent: bool) {
        self.state.send_modify(|state| state.silent = silent);
    }

    pub(super) fn signal(&self) -> Signal {
        let state = self.state.subscribe();
        let begun_after = state.borrow().endings;
        Signal { state, begun_after }
    }
}

/// The signal that tells a subscription when to end or pause.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    state: watch::Receiver<State>,
    begun_after: u64,
}

impl Signal {
    /// Waits until the subscription must end. Returns `None` for OK.
    pub(crate) async fn ended(&mut self) -> Option<Status> {
        let begun_after = self.begun_after;
        let state = self.state.wait_for(|state| state.endings > begun_after).await;
        match state.map(|state| state.last) {
            Ok(Ending::Ok) => None,
            // The receiver fails only if the server was dropped.
            Ok(Ending::Unavailable) | Err(_) => Some(crate::refusal::lost()),
        }
    }

    /// Waits until the subscription may send.
    pub(crate) async fn audible(&mut self) {
        // An error means that the server was dropped, so nothing silences the subscription any more.
        let _ = self.state.wait_for(|state| !state.silent).await;
    }
}
