//! Admission: how many requests are worked on at a time. More wait a short time, and are then refused with 503.
//!
//! Requests wait in lanes, so that strangers do not shut out the desk, and reads that hang do not shut out bookings. In each
//! lane, clients with few recent requests go before those with many, so that no stranger shuts out the others. A request holds
//! its place only while Daybook works on it, never while Daybook waits for the client.

mod lane;
mod place;
mod queue;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::Method;

use lane::Lane;
pub(crate) use lane::{LaneKind, Ticket};
pub(crate) use place::{Place, client_is_late, give_up, ticket, while_waiting};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
pub(crate) use queue::Client;

use crate::metrics::ShedLane;
use crate::problem::{Code, Problem};
use crate::request::client_network::ClientNetwork;
use crate::request::endpoint::Endpoint;
use crate::request::read_recorder::hash;
use crate::staff::identify;

/// Longest pause that a refused client is asked for, in seconds. Each gets a random one, so that they do not return together.
const MAX_RETRY_SECONDS: u64 = 3;

/// All lanes of the process.
#[derive(Debug)]
pub(crate) struct Admission {
    public_reads: Arc<Lane>,
    public_writes: Arc<Lane>,
    staff_reads: Arc<Lane>,
    staff_writes: Arc<Lane>,
    shed: Family<ShedLane, Counter>,
}

impl Admission {
    /// `places` is the number of requests of each lane that are worked on at a time.
    pub(crate) fn new(places: NonZeroUsize, max_wait: Duration, shed: Family<ShedLane, Counter>) -> Self {
        let lane = || Lane::new(places, max_wait);
        Self { public_reads: lane(), public_writes: lane(), staff_reads: lane(), staff_writes: lane(), shed }
    }

    /// The lane of a request from this network, and whose part of it the request takes; none for health checks and metrics,
    /// which are always answered.
    pub(crate) fn lane_of(
        request: &HttpRequest,
        network: Option<ClientNetwork>,
    ) -> Option<(LaneKind, Client)> {
        // Decoded, as the router compares it: `chec%6b` is a look-up too.
        let endpoint = Endpoint::at(request.match_info().as_str());
        if endpoint.is_some_and(Endpoint::needs_no_place) {
            return None;
        }
        let reads =
            matches!(*request.method(), Method::GET | Method::HEAD) || endpoint == Some(Endpoint::Check);
        let staff = identify(request).ok().flatten();
        let client =
            staff.as_ref().map_or(Client::Network(network), |staff| Client::Staff(hash(staff.subject())));
        let lane = match (staff.is_some(), reads) {
            (false, true) => LaneKind::PublicReads,
            (false, false) => LaneKind::PublicWrites,
            (true, true) => LaneKind::StaffReads,
            (true, false) => LaneKind::StaffWrites,
        };
        Some((lane, client))
    }

    /// The place of a request that has waited.
    ///
    /// # Errors
    /// [`Code::Overloaded`] if none got free in time.
    fn admit(&self, kind: LaneKind, ticket: Option<Ticket>) -> Result<Arc<Ticket>, Problem> {
        ticket.map(Arc::new).ok_or_else(|| {
            self.shed.get_or_create(&ShedLane { lane: kind.as_str() }).inc();
            let pause = Duration::from_secs(fastrand::u64(1..=MAX_RETRY_SECONDS));
            Problem::new(Code::Overloaded).retry_after(pause)
        })
    }

    const fn lane(&self, kind: LaneKind) -> &Arc<Lane> {
        match kind {
            LaneKind::PublicReads => &self.public_reads,
            LaneKind::PublicWrites => &self.public_writes,
            LaneKind::StaffReads => &self.staff_reads,
            LaneKind::StaffWrites => &self.staff_writes,
        }
    }
}
