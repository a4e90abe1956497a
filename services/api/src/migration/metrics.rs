//! Metrics of shadow reads and guardrails. Labels come from fixed sets.

use std::sync::atomic::AtomicU64;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Guardrail, GuardrailVerdict, Limits, ReadStats};
use daybook_migration::guardrails::GuardObserver;
use daybook_migration::shadow::ShadowObserver;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Number = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabel {
    judgement: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GuardrailLabel {
    guardrail: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabel {
    guardrail: &'static str,
    model: &'static str,
}

/// The metrics of shadow reads. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct ShadowMetrics(Family<ResultLabel, Counter>);

impl ShadowObserver for ShadowMetrics {
    fn compared(&self, differs: bool) {
        self.count(if differs { "different" } else { "same" });
    }

    fn apart(&self) {
        self.count("apart");
    }

    fn alone(&self) {
        self.count("alone");
    }

    fn failed(&self) {
        self.count("failed");
    }

    fn dropped(&self) {
        self.count("dropped");
    }
}

impl ShadowMetrics {
    fn count(&self, result: &'static str) {
        self.0.get_or_create(&ResultLabel { result }).inc();
    }
}

/// The metrics of the guardrails. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct GuardMetrics {
    judgements: Family<VerdictLabel, Gauge>,
    limits: Family<GuardrailLabel, Number>,
    found: Family<ModelLabel, Number>,
    trips: Family<GuardrailLabel, Counter>,
    lost: Counter,
}

impl GuardObserver for GuardMetrics {
    fn limits(&self, limits: &Limits) {
        let set = |guardrail: Guardrail, limit| {
            self.limits.get_or_create(&GuardrailLabel { guardrail: guardrail.as_str() }).set(limit);
        };
        set(Guardrail::Errors, limits.errors_percent);
        set(Guardrail::Latency, limits.latency_ms);
        set(Guardrail::Mismatches, limits.mismatches_percent);
    }

    fn evaluated(&self, stats: &ReadStats, verdict: Option<&GuardrailVerdict>) {
        self.judgements.clear();
        self.judgements.get_or_create(&VerdictLabel { judgement: verdict_name(verdict) }).set(1);
        // A view without reads has no figures.
        self.found.clear();
        let set = |guardrail: Guardrail, model: ReadModel, figure: Option<f64>| {
            let found = ModelLabel { guardrail: guardrail.as_str(), model: model.as_str() };
            figure.map(|figure| self.found.get_or_create(&found).set(figure))
        };
        for (model, own) in [(ReadModel::Legacy, &stats.legacy), (ReadModel::Dynamic, &stats.dynamic)] {
            set(Guardrail::Errors, model, own.failed_percent());
            set(Guardrail::Latency, model, own.p99_ms());
        }
        set(Guardrail::Mismatches, ReadModel::Dynamic, stats.mismatched_percent());
    }

    fn tripped(&self, guardrail: Guardrail) {
        self.trips.get_or_create(&GuardrailLabel { guardrail: guardrail.as_str() }).inc();
    }

    fn lost(&self) {
        self.lost.inc();
    }
}

/// The name of a verdict in metrics and responses.
pub(super) const fn verdict_name(verdict: Option<&GuardrailVerdict>) -> &'static str {
    match verdict {
        None => "idle",
        Some(GuardrailVerdict::Fine) => "fine",
        Some(GuardrailVerdict::Inconclusive(_)) => "inconclusive",
        Some(GuardrailVerdict::Tripped(_)) => "tripped",
    }
}

/// Registers the metrics of both.
pub(super) fn register(registry: &mut Registry) -> (ShadowMetrics, GuardMetrics) {
    let (shadow, guard) = (ShadowMetrics::default(), GuardMetrics::default());
    let compared = "Sampled reads that both models answered, by result";
    registry.register("shadow_compared", compared, shadow.0.clone());
    let judgement = "1 for the verdict on the last windows; idle if there is nothing to roll back";
    registry.register("guardrail_judgement", judgement, guard.judgements.clone());
    let limit = "Limits: errors and mismatches in percent, latency in milliseconds";
    registry.register("guardrail_limit", limit, guard.limits.clone());
    let found = "Measured in the last windows of all processes, in the unit of the limit";
    registry.register("guardrail_found", found, guard.found.clone());
    let trips = "Times that this process found a limit exceeded and rolled reads back";
    registry.register("guardrail_trips", trips, guard.trips.clone());
    registry.register("guardrail_windows_lost", "Windows that could not be stored", guard.lost.clone());
    (shadow, guard)
}
