//! What trips, what holds, and what is borne.

use super::*;

/// A model that answered so many requests, of which some failed, all within so many milliseconds.
fn sum(requests: u64, failed: u64, ms: f64) -> ModelReadStats {
    let mut counts = vec![0; Durations::STEPS];
    counts[Durations::step_of(ms / 1000.0)] = requests;
    ModelReadStats { requests, failed, durations: Durations::of_counts(counts), ..ModelReadStats::default() }
}

fn seen(legacy: ModelReadStats, dynamic: ModelReadStats) -> ReadStats {
    ReadStats { legacy, dynamic, windows: 2 }
}

fn judged(seen: &ReadStats) -> GuardrailVerdict {
    judge(seen, RolloutPercentage::percent(25.0).unwrap(), &Limits::default())
}

#[track_caller]
fn assert_trips(seen: &ReadStats, guardrail: Guardrail) {
    let judgement = judged(seen);
    let GuardrailVerdict::Tripped(trip) = &judgement else { panic!("{judgement:?}") };
    assert_eq!((trip.guardrail, trip.model), (guardrail, ReadModel::Dynamic), "{trip:?}");
}

#[test]
fn a_dynamic_view_that_does_as_well_as_the_legacy_one_is_fine() {
    assert_eq!(judged(&seen(sum(9000, 9, 20.0), sum(3000, 3, 20.0))), GuardrailVerdict::Fine);
    assert_eq!(judged(&seen(ModelReadStats::default(), sum(200, 2, 400.0))), GuardrailVerdict::Fine);
}

#[test]
fn errors_and_latency_trip_past_their_limits_and_not_at_them() {
    assert_trips(&seen(sum(600, 0, 20.0), sum(200, 3, 20.0)), Guardrail::Errors);
    assert_trips(&seen(sum(600, 0, 20.0), sum(200, 0, 700.0)), Guardrail::Latency);
    assert_eq!(judged(&seen(sum(600, 0, 20.0), sum(200, 2, 400.0))), GuardrailVerdict::Fine);
}

#[test]
fn what_ails_both_views_is_not_mended_by_going_back() {
    assert_eq!(judged(&seen(sum(600, 60, 900.0), sum(200, 20, 900.0))), GuardrailVerdict::Fine);
    // Where the legacy view answered too little to say, the limit alone counts.
    assert_trips(&seen(sum(20, 2, 900.0), sum(200, 20, 900.0)), Guardrail::Errors);
    assert_trips(&seen(sum(600, 6, 900.0), sum(200, 20, 900.0)), Guardrail::Errors);
}

#[test]
fn too_little_traffic_holds_whatever_went_wrong_in_it() {
    for few in [ModelReadStats::default(), sum(199, 199, 9000.0)] {
        let (found, asked) = (few.requests, 200);
        let holds = GuardrailVerdict::Inconclusive(Inconclusive::TooFewRequests { found, asked });
        assert_eq!(judged(&seen(sum(9000, 0, 20.0), few)), holds);
    }
}

#[test]
fn one_read_that_differs_is_enough_unless_some_are_borne() {
    let mut seen = seen(ModelReadStats { compared: 9_999, ..sum(10, 0, 20.0) }, ModelReadStats::default());
    seen.legacy.mismatched = 1;
    assert_trips(&seen, Guardrail::Mismatches);
    let borne = Limits { mismatches_percent: 0.1, ..Limits::default() };
    let judged = |seen: &ReadStats| judge(seen, RolloutPercentage::percent(25.0).unwrap(), &borne);
    assert!(matches!(judged(&seen), GuardrailVerdict::Inconclusive(_)));
    seen.dynamic = ModelReadStats { compared: 1, mismatched: 10, ..ModelReadStats::default() };
    assert!(matches!(judged(&seen), GuardrailVerdict::Tripped(_)));
    // A rate of a few compares says nothing.
    seen.legacy = ModelReadStats { compared: 20, mismatched: 1, ..ModelReadStats::default() };
    seen.dynamic = ModelReadStats::default();
    assert!(matches!(judged(&seen), GuardrailVerdict::Inconclusive(_)));
}

#[test]
fn parts_that_are_no_chance_hold_and_roll_nothing_back() {
    let with = |legacy: u64, dynamic: u64, windows: u64| {
        let of = |subjects| ModelReadStats { subjects, ..sum(1000, 0, 20.0) };
        judged(&ReadStats { legacy: of(legacy), dynamic: of(dynamic), windows })
    };
    assert_eq!(with(750, 250, 1), GuardrailVerdict::Fine);
    assert_eq!(with(720, 280, 1), GuardrailVerdict::Fine);
    assert!(matches!(with(600, 400, 1), GuardrailVerdict::Inconclusive(Inconclusive::SampleRatio { .. })));
    // The same subjects in several windows are no more evidence than in one.
    assert_eq!(with(7000, 2600, 10), GuardrailVerdict::Fine);
    // Too few to say anything.
    assert_eq!(with(100, 0, 1), GuardrailVerdict::Fine);
}

#[test]
fn a_bound_is_never_below_the_time_and_little_above_it() {
    for ms in [0.01, 0.5, 0.51, 7.0, 499.0, 500.0, 12_000.0] {
        let bound = sum(1, 0, ms).p99_ms().unwrap();
        assert!(bound >= ms.min(27_000.0) && bound <= ms.max(0.5) * 1.19, "{ms}: {bound}");
    }
    let mut durations = sum(99, 0, 10.0).durations;
    assert_eq!(Durations::default().bound_ms(99.0), None);
    durations.add(&sum(1, 0, 900.0).durations);
    assert!(durations.bound_ms(99.0).unwrap() < 12.0 && durations.bound_ms(100.0).unwrap() >= 900.0);
}

#[test]
fn limits_are_read_as_they_are_written_and_what_is_left_out_is_usual() {
    let limits: Limits = "latency-ms=250, min-requests=20".parse().unwrap();
    assert_eq!(limits, Limits { latency_ms: 250.0, min_requests: 20, ..Limits::default() });
    assert_eq!(limits.to_string().parse(), Ok(limits));
    for wrong in
        ["errors", "errors=101", "errors=-1", "latency-ms=0", "min-requests=0", "speed=1", "errors=NaN"]
    {
        assert_eq!(wrong.parse::<Limits>(), Err(InvalidLimits), "{wrong}");
    }
}
