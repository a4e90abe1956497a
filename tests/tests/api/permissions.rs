//! Which token may use which route. A refusal appends nothing.

use daybook_api::{Permission, Role};
use daybook_tests::app::narrow_token;
use reqwest::Method;

use crate::client::{app_on, book, form, reservation_id, send};

const READ_MODEL: &str = "/api/admin/read-model";
const MIGRATION: &str = "/api/admin/migration";

/// Every route for staff, with the permission that it requires.
pub(crate) fn routes(reservation: &str) -> Vec<(Method, String, Permission)> {
    use Permission::{Catalog, FrontDesk, Read, Rollout, Tokens};
    let (get, post, put, patch, delete) =
        (Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE);
    [
        (&get, "/api/reservations", Read),
        (&get, reservation, Read),
        (&get, READ_MODEL, Read),
        (&get, "/api/admin/guardrails", Read),
        (&patch, reservation, FrontDesk),
        (&get, "/api/admin/manual-close", FrontDesk),
        (&post, "/api/admin/manual-close", FrontDesk),
        (&delete, "/api/admin/manual-close", FrontDesk),
        (&get, "/api/admin/services", Catalog),
        (&post, "/api/admin/services", Catalog),
        (&patch, "/api/admin/services", Catalog),
        (&put, "/api/admin/services", Catalog),
        (&delete, "/api/admin/services", Catalog),
        (&get, "/api/admin/service-limits", Catalog),
        (&put, "/api/admin/service-limits", Catalog),
        (&patch, "/api/admin/service-limits", Catalog),
        (&get, "/api/admin/clinic-hours", Catalog),
        (&put, "/api/admin/clinic-hours", Catalog),
        (&post, READ_MODEL, Rollout),
        (&get, MIGRATION, Rollout),
        (&post, MIGRATION, Rollout),
        (&get, "/api/admin/migration/plan", Rollout),
        (&get, "/api/admin/revoked-tokens", Tokens),
        (&post, "/api/admin/revoked-tokens", Tokens),
    ]
    .map(|(method, path, permission)| (method.clone(), path.to_owned(), permission))
    .into()
}

/// The permissions of each role, and of tokens that narrow one.
pub(crate) fn tokens() -> Vec<(Role, Option<Vec<Permission>>, Vec<Permission>)> {
    use Permission::{Catalog, FrontDesk, Override, Privacy, Read, Rollout, Tokens};
    let admin = vec![Read, FrontDesk, Catalog, Rollout, Override];
    vec![
        (Role::Editor, None, vec![Read]),
        (Role::Admin, None, admin.clone()),
        (Role::SuperAdmin, None, Permission::ALL.to_vec()),
        (Role::Admin, Some(vec![FrontDesk]), vec![Read, FrontDesk]),
        (Role::Admin, Some(vec![Catalog]), vec![Catalog]),
        (Role::Admin, Some(vec![Rollout]), vec![Rollout]),
        (Role::Admin, Some(vec![Privacy, Tokens]), vec![]),
        (Role::SuperAdmin, Some(vec![Tokens]), vec![Tokens]),
        (Role::Editor, Some(Permission::ALL.to_vec()), vec![Read]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_staff_route_requires_a_token_and_its_permission() {
    let app = app_on("legacy").await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    app.clinic.wait_for_views().await.unwrap();
    let head = app.clinic.log.head().await.unwrap();
    for (method, path, permission) in routes(&format!("/api/reservations/{id}")) {
        let request = || app.request(method.clone(), &path).body("{}");
        let nobody = send(request()).await;
        assert_eq!((nobody.status.as_u16(), nobody.code()), (401, "UNAUTHENTICATED"), "{method} {path}");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        for (role, only, has) in tokens() {
            let token = narrow_token("desk@clinic.example", role, only.clone()).unwrap();
            let outcome = send(request().bearer_auth(token)).await;
            let forbidden = (outcome.status.as_u16(), outcome.code()) == (403, "FORBIDDEN");
            let who = format!("{method} {path} {role} {only:?}: {}", outcome.json);
            assert_eq!(forbidden, !has.contains(&permission), "{who}");
            assert!(!matches!(outcome.status.as_u16(), 401 | 500..), "{who}");
        }
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_advance_need_not_be_allowed_to_override_a_gate() {
    let app = app_on("legacy").await;
    let advance = serde_json::json!({"action": "advance", "stage": "shadow", "override": "no time"});
    let token = narrow_token("operator", Role::Admin, Some(vec![Permission::Rollout])).unwrap();
    let refused = send(app.post(MIGRATION).bearer_auth(&token).json(&advance)).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"));
    // Nor to raise the percentage past the gates; to lower it, though.
    let set = async |token: &str, percent: f64| {
        let body = serde_json::json!({"action": "set", "dynamicPercentage": percent, "reason": "test"});
        send(app.post(READ_MODEL).bearer_auth(token).json(&body)).await.status.as_u16()
    };
    let both = Some(vec![Permission::Rollout, Permission::Override]);
    let overriding = narrow_token("operator", Role::Admin, both).unwrap();
    for (token, percent, status) in [
        (&token, 5.0, 403),
        (&overriding, 5.0, 200),
        (&token, 5.5, 403),
        (&token, 5.0, 200),
        (&token, 1.0, 200),
    ] {
        assert_eq!(set(token, percent).await, status, "{percent}");
    }
    let roll_back = serde_json::json!({"action": "rollback", "reason": "test"});
    send(app.post(READ_MODEL).bearer_auth(&token).json(&roll_back)).await.ok();
    assert_eq!(set(&token, 1.0).await, 403, "all reads were rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_token_is_refused() {
    let app = app_on("legacy").await;
    for wrong in ["Bearer x", "Bearer ", "Basic YTpi", "x", "Bearer eyJhbGciOiJub25lIn0.e30."] {
        let refused = send(app.get("/api/reservations").header("authorization", wrong)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (401, "UNAUTHENTICATED"), "{wrong}");
    }
}
