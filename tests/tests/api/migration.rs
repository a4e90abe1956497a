//! The migration over HTTP: its status and plan, entering a stage through its gates, and rolling back.

use std::time::{Duration, Instant};

use daybook_api::Role;
use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutedSubject, RoutingCommand, SubjectForced};
use daybook_tests::app::App;
use daybook_tests::clinic::desk;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, get, send, send_json, set_share, staff_request};

const MIGRATION: &str = "/api/admin/migration";
const PLAN: &str = "/api/admin/migration/plan";

async fn change(app: &App, body: Value) -> Response {
    send_json(app, Method::POST, MIGRATION, &body).await
}

/// Enters a stage, overriding its gates.
async fn enter_stage(app: &App, stage: &str) -> Response {
    let body = json!({"action": "advance", "stage": stage, "override": "a drill", "approver": "lee"});
    change(app, body).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_with_unmet_gates_is_refused_unless_an_override_with_a_reason_is_recorded() {
    let app = app_on("legacy").await;
    let before = get(&app, MIGRATION).await.ok().json;
    assert_eq!((&before["stage"], &before["next"]["stage"]), (&json!("legacy"), &json!("shadow")));
    let head = app.clinic.log.head().await.unwrap();
    let refused = change(&app, json!({"action": "advance", "stage": "shadow"})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "GATES_SHUT"), "{}", refused.json);
    let gates = refused.json["gates"].as_array().unwrap();
    // The views were not compared, and there is neither a backup nor a list of contacts.
    for gate in ["parity", "backup", "contacts"] {
        assert!(gates.contains(&json!(gate)), "{gate}: {}", refused.json);
        assert!(refused.json["message"].as_str().unwrap().contains(gate), "{}", refused.json);
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "nothing was recorded");
    let silent = change(&app, json!({"action": "advance", "stage": "shadow", "override": "  "})).await;
    assert_eq!(silent.code(), "GATES_SHUT");
    let entered = enter_stage(&app, "shadow").await.json;
    assert_eq!((&entered["stage"], &entered["inForce"]), (&json!("shadow"), &json!(true)), "{entered}");
    let step = &entered["history"][0];
    let overridden = json!({"reason": "a drill", "approver": "lee"});
    assert_eq!((&step["overridden"], &step["by"]), (&overridden, &json!("desk@clinic.example")));
    assert!(step["shut"].as_array().unwrap().contains(&json!("parity")), "{step}");
    let again = change(&app, json!({"action": "advance", "stage": "shadow"})).await.ok();
    assert_eq!(again.json["history"].as_array().unwrap().len(), 1, "the stage had been entered before");
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_are_entered_only_in_order_and_any_earlier_one_can_be_rolled_back_to() {
    let app = app_on("legacy").await;
    let skipped = change(&app, json!({"action": "advance", "stage": "canary-5", "override": "hurry"})).await;
    assert_eq!((skipped.status.as_u16(), skipped.code()), (409, "STAGE_OUT_OF_ORDER"));
    for (stage, percent) in [("shadow", 0.0), ("canary-5", 5.0), ("canary-25", 25.0), ("canary-50", 50.0)] {
        let entered = enter_stage(&app, stage).await.json;
        let seen = (&entered["stage"], &entered["dynamicPercentage"]);
        assert_eq!(seen, (&json!(stage), &json!(percent)), "{entered}");
    }
    let later = change(&app, json!({"action": "rollback", "stage": "dynamic", "reason": "x"})).await;
    assert_eq!(later.code(), "STAGE_OUT_OF_ORDER");
    let back = json!({"action": "rollback", "stage": "canary-5", "reason": "slow"});
    let back = change(&app, back).await.ok().json;
    assert_eq!((&back["stage"], &back["rolledBack"]), (&json!("canary-5"), &Value::Null));
    let killed = change(&app, json!({"action": "rollback", "reason": "errors"})).await.ok().json;
    let seen = (&killed["stage"], &killed["rolledBack"]["reason"], &killed["dynamicPercentage"]);
    assert_eq!(seen, (&json!("legacy"), &json!("errors"), &json!(0.0)), "{killed}");
    let reads = get(&app, "/api/admin/read-model").await.ok().json;
    assert_eq!((&reads["rolledBack"], &reads["inForce"]), (&json!(true), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_view_is_retired_and_restored_by_the_same_steps_as_on_the_command_line() {
    let app = app_on("legacy").await;
    for stage in ["shadow", "canary-5", "canary-25", "canary-50", "dynamic"] {
        enter_stage(&app, stage).await;
    }
    let plan = send(staff_request(&app, Role::Admin, Method::GET, PLAN)).await.ok().json;
    assert_eq!((&plan["to"], &plan["steps"][0]["stage"]), (&json!("retired"), &json!("retired")));
    let retire = json!({"action": "advance", "stage": "retired", "override": "x"});
    let accepted = change(&app, retire.clone()).await;
    assert_eq!((accepted.status.as_u16(), &accepted.json["stage"]), (202, &json!("retired")));
    assert_eq!(accepted.json["workflow"]["action"], "advance", "{}", accepted.json);
    let shown = until_done(&app).await;
    assert_eq!((&shown["stage"], &shown["next"]), (&json!("retired"), &Value::Null));
    let client = app.clinic.database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^legacy'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);

    let back = change(&app, json!({"action": "rollback", "stage": "dynamic", "reason": "x"})).await;
    assert!(matches!(back.status.as_u16(), 200 | 202), "{}", back.json);
    let shown = until_done(&app).await;
    assert_eq!((&shown["stage"], &shown["workflow"]), (&json!("dynamic"), &Value::Null), "{shown}");
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retirement_that_is_refused_says_why_and_records_nothing() {
    let app = app_on("legacy").await;
    for stage in ["shadow", "canary-5", "canary-25", "canary-50", "dynamic"] {
        enter_stage(&app, stage).await;
    }
    let force = SubjectForced {
        subject: RoutedSubject::client("old-tablet"),
        model: ReadModel::Legacy,
        reason: "test".into(),
    };
    app.clinic.commands.change_routing(RoutingCommand::ForceSubject(force), desk()).await.unwrap();
    let refused = change(&app, json!({"action": "advance", "stage": "retired", "override": "x"})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "RETIREMENT_REFUSED"));
    let message = refused.json["message"].as_str().unwrap();
    assert!(message.contains("daybook reads show"), "{message}");
    assert_eq!(get(&app, MIGRATION).await.ok().json["stage"], "dynamic");
}

/// Waits until no workflow is running; gives the status.
async fn until_done(app: &App) -> Value {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let shown = get(app, MIGRATION).await.ok().json;
        if shown["workflow"].is_null() {
            return shown;
        }
        assert!(Instant::now() < deadline, "{shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_is_shown_and_only_administrators_may_see_or_change_anything() {
    let app = app_on("legacy").await;
    let plan = get(&app, &format!("{PLAN}?to=canary-25")).await.ok().json;
    assert_eq!(plan["steps"].as_array().unwrap().len(), 3, "{plan}");
    assert_eq!(plan["people"], json!({"known": 0, "moved": 0, "movedPercentage": 0.0}));
    assert_eq!(plan["wayBack"], json!(["daybook migrate rollback --reason TEXT"]));
    assert_eq!(plan["mismatches"]["differingReservations"], 0);
    for path in [MIGRATION, PLAN] {
        let refused = send(staff_request(&app, Role::Editor, Method::GET, path)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"), "{path}");
        assert_eq!(send(app.get(path)).await.code(), "UNAUTHENTICATED", "{path}");
    }
    let by_editor = staff_request(&app, Role::Editor, Method::POST, MIGRATION);
    assert_eq!(send(by_editor.json(&json!({"action": "rollback", "reason": "x"}))).await.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_are_refused_and_a_percentage_set_by_hand_is_shown_as_such() {
    let app = app_on("legacy").await;
    for (body, code) in [
        (json!({"stage": "shadow"}), "MISSING_FIELDS"),
        (json!({"action": "advance"}), "MISSING_FIELDS"),
        (json!({"action": "leap", "stage": "shadow"}), "INVALID_ACTION"),
        (json!({"action": "advance", "stage": "canary"}), "INVALID_STAGE"),
        (json!({"action": "rollback"}), "REASON_REQUIRED"),
        (json!({"action": "rollback", "reason": 5}), "INVALID_JSON"),
        (json!({"action": "advance", "stage": "shadow", "override": "x".repeat(501)}), "INVALID_TEXT"),
    ] {
        let refused = change(&app, body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{body}");
    }
    let wrong = get(&app, &format!("{PLAN}?to=next")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "INVALID_STAGE"));
    set_share(&app, 30.0).await;
    let shown = get(&app, MIGRATION).await.ok().json;
    let step = &shown["history"][0];
    assert_eq!((&shown["stage"], &step["how"]), (&json!("canary-25"), &json!("share_set")), "{shown}");
}
