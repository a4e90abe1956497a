//! Prometheus metrics. Labels come from fixed sets: no id, name or text from a client ever becomes one.

mod views;

use daybook_domain::ReadModel;
use daybook_domain::routing::RoutingReason;
use daybook_event_log::Connection;
use daybook_projections::{GenerationStatus, Lag};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use views::{BatchMetrics, ViewMetrics};

use crate::connections::ConnectionMetrics;

/// Buckets of the histogram of durations, in seconds.
const DURATION_BUCKETS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    /// The template of the path.
    pub(crate) route: &'static str,
    /// The method, or `other`.
    pub(crate) method: &'static str,
    /// The class of the status, such as `2xx`.
    pub(crate) status: &'static str,
    /// The model that answered, or `none`.
    pub(crate) model: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Routed {
    model: &'static str,
    because: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Booking {
    outcome: &'static str,
    code: &'static str,
    /// The rule set that decided. The label keeps its name for existing dashboards.
    judge: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Difference {
    code: String,
    judge: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Adapter {
    adapter: &'static str,
}

/// The lane of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ShedLane {
    pub(crate) lane: &'static str,
}

/// All metrics of the process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    shed: Family<ShedLane, Counter>,
    connections: ConnectionMetrics,
    routed: Family<Routed, Counter>,
    bookings: Family<Booking, Counter>,
    differences: Family<Difference, Counter>,
    views: ViewMetrics,
    log_up: Family<Adapter, Gauge>,
    log_reconnects: Family<Adapter, Gauge>,
}

/// A request in flight. Dropping it decrements the gauge, however the request ends.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("daybook"),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            in_flight: Gauge::default(),
            shed: Family::default(),
            connections: ConnectionMetrics::default(),
            routed: Family::default(),
            bookings: Family::default(),
            differences: Family::default(),
            views: ViewMetrics::default(),
            log_up: Family::default(),
            log_reconnects: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("http_requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time to answer a request",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register("http_requests_in_flight", "Requests in flight", self.in_flight.clone());
        registry.register(
            "http_requests_shed",
            "Requests refused because too many were in progress, by lane",
            self.shed.clone(),
        );
        registry.register("http_connections", "Open connections", self.connections.open.clone());
        registry.register(
            "http_connections_closed_waiting",
            "Connections closed while they waited for their client, to make room for others",
            self.connections.closed_waiting.clone(),
        );
        registry.register("routed", "Requests routed, by model and reason", self.routed.clone());
        registry.register(
            "bookings",
            "Booking requests, by outcome and deciding rule set",
            self.bookings.clone(),
        );
        registry.register(
            "verdict_differences",
            "Accepted bookings that the other rule set would have refused, by its code",
            self.differences.clone(),
        );
        self.views.register(registry);
        registry.register(
            "log_up",
            "Whether the event log answered the last request to it",
            self.log_up.clone(),
        );
        registry.register(
            "log_reconnects",
            "Reconnects to the event log since the process started",
            self.log_reconnects.clone(),
        );
    }

    /// The counter of refused requests.
    pub(crate) fn shed(&self) -> Family<ShedLane, Counter> {
        self.shed.clone()
    }

    pub(crate) fn connections(&self) -> ConnectionMetrics {
        self.connections.clone()
    }

    /// Counts a request as in flight.
    pub(crate) fn start_request(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    pub(crate) fn request_answered(&self, request: &Request, seconds: f64) {
        self.requests.get_or_create(request).inc();
        self.durations.get_or_create(&Route { route: request.route }).observe(seconds);
    }

    pub(crate) fn routed(&self, model: ReadModel, because: RoutingReason) {
        self.routed.get_or_create(&Routed { model: model.as_str(), because: reason(because) }).inc();
    }

    /// The number of requests routed to a model for a reason.
    pub(crate) fn routed_count(&self, model: ReadModel, because: RoutingReason) -> u64 {
        self.routed.get_or_create(&Routed { model: model.as_str(), because: reason(because) }).get()
    }

    pub(crate) fn booking_accepted(&self, read_model: ReadModel, repeated: bool) {
        let code = if repeated { "REPEATED" } else { "NEW" };
        self.bookings.get_or_create(&Booking { outcome: "accepted", code, judge: read_model.as_str() }).inc();
    }

    /// The other rule set would have refused an accepted booking. The codes are those of the rules, so there are few.
    pub(crate) fn verdict_differs(&self, read_model: ReadModel, code: &str) {
        self.differences
            .get_or_create(&Difference { code: code.to_owned(), judge: read_model.as_str() })
            .inc();
    }

    pub(crate) fn booking_refused(&self, read_model: ReadModel, code: &'static str) {
        self.bookings.get_or_create(&Booking { outcome: "refused", code, judge: read_model.as_str() }).inc();
    }

    pub(crate) fn set_lag(&self, model: ReadModel, lag: Lag) {
        self.views.set_lag(model, lag);
    }

    pub(crate) fn set_building(&self, building: Vec<GenerationStatus>) {
        self.views.set_building(building);
    }

    pub(crate) fn batches(&self) -> BatchMetrics {
        self.views.batches.clone()
    }

    /// Where further metrics are registered, before any is served.
    #[cfg(feature = "migration")]
    pub(crate) fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// Removes the figures of a view that does not serve.
    pub(crate) fn remove_view(&self, model: ReadModel) {
        self.views.remove(model);
    }

    pub(crate) fn set_parked(&self, model: ReadModel, events: u64) {
        self.views.set_parked(model, events);
    }

    pub(crate) fn set_failing(&self, live: &[GenerationStatus]) {
        self.views.set_failing(live);
    }

    pub(crate) fn set_log_connection(&self, connection: Connection) {
        let adapter = Adapter { adapter: connection.adapter };
        self.log_up.get_or_create(&adapter).set(connection.is_up.into());
        let reconnects = i64::try_from(connection.reconnects).unwrap_or(i64::MAX);
        self.log_reconnects.get_or_create(&adapter).set(reconnects);
    }

    /// All metrics in the text format of Prometheus.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// All routing reasons.
pub(crate) const REASONS: [RoutingReason; 5] = [
    RoutingReason::Retired,
    RoutingReason::RolledBack,
    RoutingReason::Forced,
    RoutingReason::Percentage,
    RoutingReason::NoSubject,
];

/// The name of a reason in metrics and responses.
pub(crate) const fn reason(because: RoutingReason) -> &'static str {
    match because {
        RoutingReason::Retired => "retired",
        RoutingReason::RolledBack => "rolled_back",
        RoutingReason::Forced => "forced",
        RoutingReason::Percentage => "share",
        RoutingReason::NoSubject => "no_subject",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn counted_requests_appear_in_the_text() {
        let metrics = Metrics::new();
        let in_flight = metrics.start_request();
        let request = Request { route: "/x/{id}", method: "GET", status: "2xx", model: "legacy" };
        metrics.request_answered(&request, 0.002);
        metrics.routed(ReadModel::Dynamic, RoutingReason::Percentage);
        let text = metrics.text().unwrap();
        for line in [
            r#"daybook_http_requests_total{route="/x/{id}",method="GET",status="2xx",model="legacy"} 1"#,
            "daybook_http_requests_in_flight 1",
            r#"daybook_routed_total{model="dynamic",because="share"} 1"#,
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let (legacy, position) = (ReadModel::Legacy, daybook_event_log::Position::START);
        metrics
            .set_lag(legacy, Lag { position, head: position, events: 0, seconds: 0.0, still_seconds: 0.0 });
        let has_lag =
            |metrics: &Metrics| metrics.text().unwrap().contains(r#"view_lag_seconds{model="legacy"}"#);
        assert!(has_lag(&metrics));
        metrics.remove_view(legacy);
        assert!(!has_lag(&metrics), "a removed view has no lag");
        drop(in_flight);
        assert!(metrics.text().unwrap().contains("daybook_http_requests_in_flight 0"));
    }
}
