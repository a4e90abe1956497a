//! The old system's flags: a changed flag is applied at the start, an unchanged one does not undo later decisions, and
//! an invalid one is refused by name.

use daybook_tests::process::{Installation, Service};
use serde_json::{Value, json};

const SWITCH: &str = "USE_DYNAMIC_SERVICES";
const PERCENTAGE: &str = "DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE";

/// Starts the service with these flags. Also returns the percentage that the dynamic view answers then.
async fn start(clinic: &Installation, flags: &[(&str, &str)]) -> (Service, Value) {
    let service = clinic.serve_with(flags).await.unwrap();
    let status = clinic.run(&["migrate", "status", "--history", "--json"]).await.unwrap().json().unwrap();
    (service, status)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_flag_is_applied_at_the_start_and_an_unchanged_one_is_not() {
    let clinic = Installation::open().await.unwrap();
    let percent = |status: &Value| status["dynamic_percent"].as_f64().unwrap();
    let (mut service, status) = start(&clinic, &[]).await;
    assert_eq!((&status["history"], percent(&status)), (&json!([]), 0.0), "unset flags have no effect");
    service.kill().await.unwrap();

    let five = [(SWITCH, "false"), (PERCENTAGE, "5")];
    let (mut service, status) = start(&clinic, &five).await;
    assert_eq!((&status["stage"], percent(&status)), (&json!("canary-5"), 5.0));
    let step = &status["history"][0];
    assert_eq!((&step["by"], &step["how"]), (&json!("environment"), &json!("share_set")), "{step}");
    let flags = json!({"use_dynamic_services": false, "rollout_percentage": 5.0});
    assert_eq!(status["flags"], flags);
    let output = clinic.run(&["status"]).await.unwrap().stdout;
    assert!(output.contains("USE_DYNAMIC_SERVICES=false, DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE=5"), "{output}");
    let by_hand = ["reads", "set", "--dynamic", "60", "--reason", "by hand", "--yes", "--json"];
    clinic.run(&by_hand).await.unwrap().json().unwrap();
    service.kill().await.unwrap();

    let (mut service, status) = start(&clinic, &five).await;
    assert_eq!((percent(&status), status["history"].as_array().unwrap().len()), (60.0, 2));
    service.kill().await.unwrap();

    let (mut service, status) = start(&clinic, &[(SWITCH, "true"), (PERCENTAGE, "100")]).await;
    assert_eq!((&status["stage"], percent(&status)), (&json!("dynamic"), 100.0));
    service.kill().await.unwrap();
    let (mut service, status) = start(&clinic, &[]).await;
    let seen = (&status["stage"], percent(&status), &status["rolled_back"]);
    assert_eq!(seen, (&json!("dynamic"), 100.0, &Value::Null), "removed flags have no effect");
    service.kill().await.unwrap();

    let (_service, status) = start(&clinic, &[(SWITCH, "false"), (PERCENTAGE, "0")]).await;
    assert_eq!((&status["stage"], &status["rolled_back"]["by"]), (&json!("legacy"), &json!("environment")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_flag_stops_the_start_and_is_named() {
    let clinic = Installation::open().await.unwrap();
    for (variable, value) in [(SWITCH, "yes please"), (PERCENTAGE, "101"), (PERCENTAGE, "many")] {
        let output = clinic.run_with(&["serve"], &[(variable, value)]).await.unwrap();
        assert_eq!(output.code, Some(2), "{}", output.stderr);
        assert!(output.stderr.contains(variable) && output.stderr.contains(value), "{}", output.stderr);
    }
}
