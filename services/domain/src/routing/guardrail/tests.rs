//! The guardrails: exceeded limits, missing data, and tolerated values.

use super::*;

/// Statistics of a view whose requests all took the same time.
fn view(requests: u64, failed: u64, ms: f64) -> ModelReadStats {
    let mut counts = vec![0; Durations::BUCKETS];
    counts[Durations::bucket(ms / 1000.0)] = requests;
    ModelReadStats {
        requests,
        failed,
        durations: Durations::from_counts(counts),
        ..ModelReadStats::default()
    }
}

fn stats(legacy: ModelReadStats, dynamic: ModelReadStats) -> ReadStats {
    ReadStats { legacy, dynamic, windows: 2 }
}

fn verdict(stats: &ReadStats) -> GuardrailVerdict {
    evaluate(stats, &Limits::default())
}

#[track_caller]
fn assert_trips(stats: &ReadStats, guardrail: Guardrail) {
    let verdict = verdict(stats);
    let GuardrailVerdict::Tripped(breach) = &verdict else { panic!("{verdict:?}") };
    assert_eq!((breach.guardrail, breach.model), (guardrail, ReadModel::Dynamic), "{breach:?}");
}

#[test]
fn a_dynamic_view_as_good_as_the_legacy_view_is_fine() {
    assert_eq!(verdict(&stats(view(9000, 9, 20.0), view(3000, 3, 20.0))), GuardrailVerdict::Fine);
    assert_eq!(verdict(&stats(ModelReadStats::default(), view(200, 2, 400.0))), GuardrailVerdict::Fine);
}

#[test]
fn errors_and_latency_trip_above_their_limits_and_not_at_them() {
    assert_trips(&stats(view(600, 0, 20.0), view(200, 3, 20.0)), Guardrail::Errors);
    assert_trips(&stats(view(600, 0, 20.0), view(200, 0, 700.0)), Guardrail::Latency);
    assert_eq!(verdict(&stats(view(600, 0, 20.0), view(200, 2, 400.0))), GuardrailVerdict::Fine);
}

#[test]
fn a_problem_of_both_views_trips_nothing() {
    assert_eq!(verdict(&stats(view(600, 60, 900.0), view(200, 20, 900.0))), GuardrailVerdict::Fine);
    // Without enough requests to the legacy view, only the limit counts.
    assert_trips(&stats(view(20, 2, 900.0), view(200, 20, 900.0)), Guardrail::Errors);
    assert_trips(&stats(view(600, 6, 900.0), view(200, 20, 900.0)), Guardrail::Errors);
}

#[test]
fn one_client_alone_trips_nothing() {
    // 5 % of all requests failed or were slow, and all of those are of one client.
    let mut one = view(950, 0, 20.0);
    one.durations.add(&view(50, 0, 2500.0).durations);
    let one = ModelReadStats { requests: 1000, failed: 50, failed_most: 50, slow_most: 50, ..one };
    assert_eq!(verdict(&stats(view(3000, 0, 20.0), one.clone())), GuardrailVerdict::Fine);
    assert_eq!(verdict(&stats(ModelReadStats::default(), view_of_one(300))), GuardrailVerdict::Fine);
    // Two clients had as many each.
    let failing = ModelReadStats { failed_most: 25, slow_most: 50, ..one.clone() };
    assert_trips(&stats(view(3000, 0, 20.0), failing), Guardrail::Errors);
    let slow = ModelReadStats { failed_most: 50, slow_most: 25, ..one };
    assert_trips(&stats(view(3000, 0, 20.0), slow), Guardrail::Latency);
}

/// Statistics of a view that one client asked, whose requests all were slow and failed.
fn view_of_one(requests: u64) -> ModelReadStats {
    ModelReadStats { failed_most: requests, slow_most: requests, ..view(requests, requests, 2500.0) }
}

#[test]
fn too_few_requests_are_inconclusive_even_if_all_failed() {
    for few in [ModelReadStats::default(), view(199, 199, 9000.0)] {
        let (found, required) = (few.requests, 200);
        let expected = GuardrailVerdict::Inconclusive(TooFewRequests { found, required });
        assert_eq!(verdict(&stats(view(9000, 0, 20.0), few)), expected);
    }
}

#[test]
fn one_mismatch_is_enough_unless_the_limit_allows_some() {
    let mut stats = stats(ModelReadStats { compared: 9_999, ..view(10, 0, 20.0) }, ModelReadStats::default());
    stats.legacy.mismatched = 1;
    assert_trips(&stats, Guardrail::Mismatches);
    let tolerant = Limits { mismatches_percent: 0.1, ..Limits::default() };
    let verdict = |stats: &ReadStats| evaluate(stats, &tolerant);
    assert!(matches!(verdict(&stats), GuardrailVerdict::Inconclusive(_)));
    stats.dynamic = ModelReadStats { compared: 1, mismatched: 10, ..ModelReadStats::default() };
    assert!(matches!(verdict(&stats), GuardrailVerdict::Tripped(_)));
    // The rate of a few compared reads says nothing.
    stats.legacy = ModelReadStats { compared: 20, mismatched: 1, ..ModelReadStats::default() };
    stats.dynamic = ModelReadStats::default();
    assert!(matches!(verdict(&stats), GuardrailVerdict::Inconclusive(_)));
}

#[test]
fn a_percentile_bound_is_at_least_the_duration_and_at_most_19_percent_above() {
    for ms in [0.01, 0.5, 0.51, 7.0, 499.0, 500.0, 12_000.0] {
        let bound = view(1, 0, ms).p99_ms().unwrap();
        assert!(bound >= ms.min(27_000.0) && bound <= ms.max(0.5) * 1.19, "{ms}: {bound}");
    }
    let mut durations = view(99, 0, 10.0).durations;
    assert_eq!(Durations::default().bound_ms(99.0), None);
    durations.add(&view(1, 0, 900.0).durations);
    assert!(durations.bound_ms(99.0).unwrap() < 12.0 && durations.bound_ms(100.0).unwrap() >= 900.0);
}

#[test]
fn limits_parse_their_own_display_and_omitted_limits_have_defaults() {
    let limits: Limits = "latency-ms=250, min-requests=20".parse().unwrap();
    assert_eq!(limits, Limits { latency_ms: 250.0, min_requests: 20, ..Limits::default() });
    assert_eq!(limits.to_string().parse(), Ok(limits));
    for wrong in
        ["errors", "errors=101", "errors=-1", "latency-ms=0", "min-requests=0", "speed=1", "errors=NaN"]
    {
        assert_eq!(wrong.parse::<Limits>(), Err(InvalidLimits), "{wrong}");
    }
}
