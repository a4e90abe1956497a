//! The place of one request, and how handlers give it up while they wait.
//!
//! The place belongs to the task of the request, so that whatever waits for the client finds it, however deep it is called.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use futures_util::poll;

use super::{Admission, Client, LaneKind, Ticket};
use crate::connections::Connection;
use crate::problem::Problem;

tokio::task_local! {
    static PLACE: Rc<Place>;
}

/// The place of a request.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    lane: LaneKind,
    client: Client,
    ticket: RefCell<Option<Arc<Ticket>>>,
    connection: Option<Connection>,
}

impl Place {
    /// Waits a short time for a place.
    ///
    /// # Errors
    /// [`crate::problem::Code::Overloaded`].
    pub(crate) async fn enter(
        admission: &Arc<Admission>,
        (lane, client): (LaneKind, Client),
        connection: Option<Connection>,
    ) -> Result<Self, Problem> {
        let ticket = admission.lane(lane).enter(client).await;
        let ticket = RefCell::new(Some(admission.admit(lane, ticket)?));
        Ok(Self { admission: Arc::clone(admission), lane, client, ticket, connection })
    }

    /// Runs the handler of the request, which ends with its place.
    pub(crate) async fn hold<T>(self, handler: impl Future<Output = T>) -> T {
        PLACE.scope(Rc::new(self), handler).await
    }
}

/// Gives the place of this request up while it waits for the client, if it has to wait at all.
///
/// # Errors
/// [`crate::problem::Code::Overloaded`] if no place gets free in time afterwards.
pub(crate) async fn while_waiting<T>(wait: impl Future<Output = T>) -> Result<T, Problem> {
    let Ok(place) = PLACE.try_with(Rc::clone) else { return Ok(wait.await) };
    let mut wait = pin!(wait);
    if let Poll::Ready(output) = poll!(&mut wait) {
        return Ok(output);
    }
    place.ticket.take();
    let output = {
        let _waiting = place.connection.as_ref().map(Connection::wait_for_client);
        wait.await
    };
    let ticket = place.admission.lane(place.lane).enter_again(place.client).await;
    place.ticket.replace(Some(place.admission.admit(place.lane, ticket)?));
    Ok(output)
}

/// The body of this request did not arrive in time: its connection does not wait long for the rest.
pub(crate) fn client_is_late() {
    let connection = PLACE.try_with(|place| place.connection.clone());
    if let Ok(Some(connection)) = connection {
        connection.set_late();
    }
}

/// Gives the place of this request up for good: it only waits from here on.
pub(crate) fn give_up() {
    // Only a request on its own task has no place.
    let _ = PLACE.try_with(|place| place.ticket.take());
}

/// The place of this request, for work that goes on if the client hangs up.
pub(crate) fn ticket() -> Option<Arc<Ticket>> {
    PLACE.try_with(|place| place.ticket.borrow().clone()).ok().flatten()
}
