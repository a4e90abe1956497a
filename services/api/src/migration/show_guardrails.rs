//! `GET /api/admin/guardrails`: the limits, the read statistics of all processes, and the last verdict.

use actix_web::{HttpResponse, web};
use daybook_domain::routing::{GuardrailVerdict, Limits, ModelReadStats, ReadStats};
use serde::Serialize;

use super::metrics::verdict_name;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: bool,
    #[serde(with = "LimitKeys")]
    limits: Limits,
    window_seconds: f64,
    shadow_sample_percentage: f64,
    /// None until the first window has ended.
    judgement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    last_window: Option<ShownStats>,
    last_windows: Option<ShownStats>,
}

#[derive(Serialize)]
#[serde(remote = "Limits", rename_all = "camelCase")]
struct LimitKeys {
    #[serde(rename = "errorsPercentage")]
    errors_percent: f64,
    latency_ms: f64,
    #[serde(rename = "mismatchesPercentage")]
    mismatches_percent: f64,
    min_requests: u64,
}

#[derive(Serialize)]
struct ShownStats {
    legacy: ShownModelStats,
    dynamic: ShownModelStats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownModelStats {
    requests: u64,
    failed: u64,
    p99_ms: Option<f64>,
    subjects: u64,
    compared: u64,
    mismatched: u64,
}

/// Responds with the limits and the last evaluation.
pub(super) async fn show_guardrails(state: web::Data<State>, staff: Staff) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Read)?;
    let (watching, evaluation) = (&state.settings.watching, state.migration.evaluation.get());
    let evaluation = evaluation.as_ref();
    response::json(&Body {
        success: true,
        limits: watching.limits,
        window_seconds: watching.window.as_secs_f64(),
        shadow_sample_percentage: watching.sample.as_percent(),
        judgement: evaluation.map(|evaluation| verdict_name(evaluation.verdict.as_ref())),
        why: evaluation.and_then(|evaluation| describe(evaluation.verdict.as_ref()?)),
        last_window: evaluation.map(|evaluation| ShownStats::from(&evaluation.seen.last)),
        last_windows: evaluation.map(|evaluation| ShownStats::from(&evaluation.seen.longer)),
    })
}

fn describe(verdict: &GuardrailVerdict) -> Option<String> {
    match verdict {
        GuardrailVerdict::Fine => None,
        GuardrailVerdict::Inconclusive(inconclusive) => Some(inconclusive.to_string()),
        GuardrailVerdict::Tripped(trip) => Some(format!("{} (limit {})", trip.found, trip.limit)),
    }
}

impl From<&ReadStats> for ShownStats {
    fn from(stats: &ReadStats) -> Self {
        Self { legacy: (&stats.legacy).into(), dynamic: (&stats.dynamic).into() }
    }
}

impl From<&ModelReadStats> for ShownModelStats {
    fn from(stats: &ModelReadStats) -> Self {
        let ModelReadStats { requests, failed, subjects, compared, mismatched, .. } = *stats;
        Self { requests, failed, p99_ms: stats.p99_ms(), subjects, compared, mismatched }
    }
}
