//! What can be done to subscriptions that are already running.
//!
//! Ending must never reach a subscription that begins after it.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Status;

/// How a subscription ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// With OK, as if there were nothing more to come.
    #[default]
    Ok,
    /// With UNAVAILABLE.
    Unavailable,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    silent: bool,
    /// How often subscriptions were ended.
    endings: u64,
    last: Ending,
}

/// The switches.
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

/// What a subscription listens to.
#[derive(Debug, Clone)]
pub(crate) struct Signal {
    state: watch::Receiver<State>,
    begun_after: u64,
}

impl Signal {
    /// Comes back when the subscription has to end: `None` for OK.
    pub(crate) async fn ended(&mut self) -> Option<Status> {
        let begun_after = self.begun_after;
        let state = self.state.wait_for(|state| state.endings > begun_after).await;
        match state.map(|state| state.last) {
            Ok(Ending::Ok) => None,
            // The switches are gone with their server.
            Ok(Ending::Unavailable) | Err(_) => Some(crate::refusal::lost()),
        }
    }

    /// Comes back when the subscription may speak.
    pub(crate) async fn audible(&mut self) {
        // An error means that the server is gone, and with it the silence.
        let _ = self.state.wait_for(|state| !state.silent).await;
    }
}
