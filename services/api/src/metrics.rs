//! What is counted and measured. Labels are words of ours: no id, name or text of a client ever becomes one.

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

/// Upper edges of the histogram of durations, in seconds.
const DURATION_EDGES: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// An answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    /// Template of its path.
    pub(crate) route: &'static str,
    /// Its method, or `other`.
    pub(crate) method: &'static str,
    /// Class of its status, such as `2xx`.
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

/// All that is counted and measured.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    routed: Family<Routed, Counter>,
    bookings: Family<Booking, Counter>,
    differences: Family<Difference, Counter>,
    views: ViewMetrics,
    log_up: Family<Adapter, Gauge>,
    log_reconnects: Family<Adapter, Gauge>,
}

/// A request that is under way; it is counted down however it ends.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATION_EDGES);
        let mut metrics = Self {
            registry: Registry::with_prefix("daybook"),
            requests: Family::default(),
            durations: Family::new_with_constructor(durations),
            in_flight: Gauge::default(),
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
        registry.register("http_requests_in_flight", "Requests under way", self.in_flight.clone());
        registry.register("routed", "Requests routed, by model and reason", self.routed.clone());
        registry.register(
            "bookings",
            "Booking requests, by outcome and judging rule set",
            self.bookings.clone(),
        );
        registry.register(
            "verdict_differences",
            "Bookings taken that the rule set that did not judge would have refused, by its code",
            self.differences.clone(),
        );
        self.views.register(registry);
        registry.register(
            "log_up",
            "Whether the event log answered when it was last heard of",
            self.log_up.clone(),
        );
        registry.register(
            "log_reconnects",
            "Connections to the event log that were lost and made anew since the start",
            self.log_reconnects.clone(),
        );
    }

    /// A request begins.
    pub(crate) fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered.
    pub(crate) fn answered(&self, request: &Request, seconds: f64) {
        self.requests.get_or_create(request).inc();
        self.durations.get_or_create(&Route { route: request.route }).observe(seconds);
    }

    /// A request was routed.
    pub(crate) fn routed(&self, model: ReadModel, because: RoutingReason) {
        self.routed.get_or_create(&Routed { model: model.as_str(), because: reason(because) }).inc();
    }

    /// How many requests were routed to a model for a reason.
    pub(crate) fn routed_count(&self, model: ReadModel, because: RoutingReason) -> u64 {
        self.routed.get_or_create(&Routed { model: model.as_str(), because: reason(because) }).get()
    }

    /// A booking was taken.
    pub(crate) fn booking_taken(&self, judge: ReadModel, repeated: bool) {
        let code = if repeated { "REPEATED" } else { "NEW" };
        self.bookings.get_or_create(&Booking { outcome: "accepted", code, judge: judge.as_str() }).inc();
    }

    /// The rule set that did not judge would have refused a booking that was taken. Codes are the rules' own, so few.
    pub(crate) fn verdict_differs(&self, judge: ReadModel, code: &str) {
        self.differences.get_or_create(&Difference { code: code.to_owned(), judge: judge.as_str() }).inc();
    }

    /// A booking was refused.
    pub(crate) fn booking_refused(&self, judge: ReadModel, code: &'static str) {
        self.bookings.get_or_create(&Booking { outcome: "refused", code, judge: judge.as_str() }).inc();
    }

    /// How far a view is.
    pub(crate) fn view(&self, model: ReadModel, lag: Lag) {
        self.views.tell(model, lag);
    }

    /// Which generations are being built.
    pub(crate) fn building(&self, building: Vec<GenerationStatus>) {
        self.views.tell_building(building);
    }

    /// What is measured of the engine's batches.
    pub(crate) fn batches(&self) -> BatchMetrics {
        self.views.batches.clone()
    }

    /// Where further metrics are registered, before any is served.
    #[cfg(feature = "migration")]
    pub(crate) fn registry_mut(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// A view does not serve: what was last known of it is told no more.
    pub(crate) fn view_is_away(&self, model: ReadModel) {
        self.views.forget(model);
    }

    /// How many events a view could not take in.
    pub(crate) fn parked(&self, model: ReadModel, events: u64) {
        self.views.tell_parked(model, events);
    }

    /// How the log's connection fares.
    pub(crate) fn log(&self, connection: Connection) {
        let adapter = Adapter { adapter: connection.adapter };
        self.log_up.get_or_create(&adapter).set(connection.is_up.into());
        let reconnects = i64::try_from(connection.reconnects).unwrap_or(i64::MAX);
        self.log_reconnects.get_or_create(&adapter).set(reconnects);
    }

    /// All of it in the text format of Prometheus.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// The reasons for a route, for metrics.
pub(crate) const REASONS: [RoutingReason; 5] = [
    RoutingReason::Retired,
    RoutingReason::RolledBack,
    RoutingReason::Forced,
    RoutingReason::Percentage,
    RoutingReason::NoSubject,
];

/// A reason as metrics and answers hold it.
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
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        let under_way = metrics.enter();
        let request = Request { route: "/x/{id}", method: "GET", status: "2xx", model: "legacy" };
        metrics.answered(&request, 0.002);
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
        metrics.view(legacy, Lag { position, head: position, events: 0, seconds: 0.0, still_seconds: 0.0 });
        let told =
            |metrics: &Metrics| metrics.text().unwrap().contains(r#"view_lag_seconds{model="legacy"}"#);
        assert!(told(&metrics));
        metrics.view_is_away(legacy);
        assert!(!told(&metrics), "a view that is away has no lag");
        drop(under_way);
        assert!(metrics.text().unwrap().contains("daybook_http_requests_in_flight 0"));
    }
}
