//! `GET /api/admin/guardrails`: the limits, what all processes saw in the last windows, and what to think of it.

use actix_web::{HttpResponse, web};
use daybook_domain::routing::{GuardrailVerdict, ModelReadStats, ReadStats};
use serde::Serialize;

use super::metrics::verdict_name;
use crate::problem::Problem;
use crate::response;
use crate::staff::Role;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: bool,
    limits: Limits,
    window_seconds: f64,
    shadow_sample_percentage: f64,
    /// None before the first window has ended.
    judgement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    last_window: Option<TrafficWindow>,
    last_windows: Option<TrafficWindow>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    errors_percentage: f64,
    latency_ms: f64,
    mismatches_percentage: f64,
    min_requests: u64,
}

#[derive(Serialize)]
struct TrafficWindow {
    legacy: Sum,
    dynamic: Sum,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sum {
    requests: u64,
    failed: u64,
    p99_ms: Option<f64>,
    subjects: u64,
    compared: u64,
    mismatched: u64,
}

/// Shows how the guardrails fare.
pub(super) async fn show_guardrails(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Role::Editor)?;
    let (watching, judged) = (&state.settings.watching, state.migration.evaluation.get());
    let limits = watching.limits;
    response::json(&Body {
        success: true,
        limits: Limits {
            errors_percentage: limits.errors_percent,
            latency_ms: limits.latency_ms,
            mismatches_percentage: limits.mismatches_percent,
            min_requests: limits.min_requests,
        },
        window_seconds: watching.window.as_secs_f64(),
        shadow_sample_percentage: watching.sample.as_percent(),
        judgement: judged.as_ref().map(|judged| verdict_name(judged.verdict.as_ref())),
        why: judged.as_ref().and_then(|judged| why(judged.verdict.as_ref()?)),
        last_window: judged.as_ref().map(|judged| windows(&judged.seen.last)),
        last_windows: judged.as_ref().map(|judged| windows(&judged.seen.longer)),
    })
}

fn why(judgement: &GuardrailVerdict) -> Option<String> {
    match judgement {
        GuardrailVerdict::Fine => None,
        GuardrailVerdict::Inconclusive(inconclusive) => Some(inconclusive.to_string()),
        GuardrailVerdict::Tripped(trip) => Some(format!("{} (limit {})", trip.found, trip.limit)),
    }
}

fn windows(seen: &ReadStats) -> TrafficWindow {
    TrafficWindow { legacy: sum(&seen.legacy), dynamic: sum(&seen.dynamic) }
}

fn sum(sum: &ModelReadStats) -> Sum {
    Sum {
        requests: sum.requests,
        failed: sum.failed,
        p99_ms: sum.p99_ms(),
        subjects: sum.subjects,
        compared: sum.compared,
        mismatched: sum.mismatched,
    }
}
