//! Tokens of staff as an operator issues and revokes them, in every process and on either log.

use daybook_tests::issuer::{Issuer, key_set};
use daybook_tests::process::{Installation, LogKind, Service};
use jsonwebtoken::Algorithm;
use reqwest::Client;
use serde_json::{Value, json};

use crate::client::wait_until;

const LIST: &str = "/api/reservations";

async fn status(service: &Service, token: &str) -> u16 {
    let request = Client::new().get(service.url(LIST)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

async fn wait_for_status(service: &Service, token: &str, expected: u16) {
    wait_until("the service judges the token anew", async || match status(service, token).await {
        found if found == expected => Ok(()),
        found => Err(format!("{found} instead of {expected}")),
    })
    .await;
}

async fn json(clinic: &Installation, arguments: &[&str]) -> Value {
    let output = clinic.run(&[arguments, &["--json"]].concat()).await.unwrap();
    output.json().unwrap_or_else(|error| panic!("{arguments:?}: {error:#}"))
}

/// A token of `kim` and its id.
async fn issue(clinic: &Installation) -> (String, String) {
    let issued = json(clinic, &["token", "--role", "ADMIN", "--subject", "kim"]).await;
    let text = |field: &str| issued[field].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

async fn revoke_on(log: LogKind) {
    let clinic = Installation::open_on(log).await.unwrap();
    let services = [clinic.serve().await.unwrap(), clinic.serve().await.unwrap()];
    let ((first, id), (second, _)) = (issue(&clinic).await, issue(&clinic).await);
    for service in &services {
        assert_eq!((status(service, &first).await, status(service, &second).await), (200, 200));
    }
    let unconfirmed = clinic.run(&["token", "revoke", &id]).await.unwrap();
    assert_eq!(unconfirmed.code, Some(2), "{}", unconfirmed.stderr);
    let revoked = json(&clinic, &["token", "revoke", &id, "--reason", "lost", "--yes"]).await;
    assert_eq!(revoked["was_revoked"], false);
    for service in &services {
        wait_for_status(service, &first, 401).await;
        assert_eq!(status(service, &second).await, 200);
    }
    assert_eq!(json(&clinic, &["token", "revoke", &id, "--yes"]).await["was_revoked"], true);
    json(&clinic, &["token", "revoke", "--subject", "kim", "--yes"]).await;
    let (third, _) = issue(&clinic).await;
    for service in &services {
        wait_for_status(service, &second, 401).await;
        assert_eq!(status(service, &third).await, 200, "it was issued after the revocation");
    }
    drop(services);
    let service = clinic.serve().await.unwrap();
    for (token, expected) in [(&first, 401), (&second, 401), (&third, 200)] {
        assert_eq!(status(&service, token).await, expected);
    }
    drop(service);
    let (folder, listed) = (tempfile::tempdir().unwrap(), check_log(&clinic, &id).await);
    let file = folder.path().join("log.jsonl");
    let file = file.to_str().unwrap();
    json(&clinic, &["events", "export", file]).await;
    drop(clinic);
    let copy = Installation::open().await.unwrap();
    let imported = copy.run(&["events", "import", file, "--yes"]).await.unwrap();
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert_eq!(json(&copy, &["token", "revoked"]).await, listed);
}

/// The revocations are listed and backed up, and no view minds them.
async fn check_log(clinic: &Installation, id: &str) -> Value {
    let listed = json(clinic, &["token", "revoked"]).await;
    assert_eq!((&listed["tokens"][0]["token"], &listed["tokens"][0]["reason"]), (&json!(id), &json!("lost")));
    assert_eq!(listed["subjects"][0]["subject"], "kim");
    let shown = clinic.run(&["events", "show", "access-main"]).await.unwrap();
    assert!(shown.stdout.contains("TokenRevoked") && shown.stdout.contains("cli:"), "{}", shown.stdout);
    let verified = clinic.run(&["projection", "verify"]).await.unwrap();
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    let rebuilt = clinic.run(&["projection", "rebuild", "all", "--yes"]).await.unwrap();
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
    assert_eq!(json(clinic, &["projection", "parked", "list"]).await, json!([]));
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("backup");
    let folder = folder.to_str().unwrap();
    let backup = clinic.run(&["backup", folder]).await.unwrap();
    assert_eq!(backup.code, Some(0), "{}", backup.stderr);
    let restored = clinic.run(&["restore", folder, "--verify"]).await.unwrap();
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    listed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_in_every_process() {
    revoke_on(LogKind::Database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_in_every_process_with_the_log_in_event_store_db() {
    revoke_on(LogKind::EventStoreDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_of_tokens_replaces_the_shared_secret() {
    let clinic = Installation::open().await.unwrap();
    let path = clinic.data_dir().with_extension("keys.json");
    let issuer = Issuer::generate(Algorithm::RS256, "1").unwrap();
    std::fs::write(&path, key_set(&[&issuer]).unwrap()).unwrap();
    let settings = [("DAYBOOK_JWKS", path.to_str().unwrap()), ("DAYBOOK_JWT_SECRET", "")];
    let service = clinic.serve_with(&settings).await.unwrap();
    let now = chrono::Utc::now().timestamp();
    let claims = json!({"sub": "kim", "role": "EDITOR", "aud": "daybook", "iat": now, "exp": now + 600});
    assert_eq!(status(&service, &issuer.sign(&claims).unwrap()).await, 200);
    assert_eq!(status(&service, &issue(&clinic).await.0).await, 401, "of the secret");
    let refused =
        clinic.run_with(&["token", "--role", "ADMIN", "--subject", "kim"], &settings).await.unwrap();
    assert!(refused.code == Some(2) && refused.stderr.contains("DAYBOOK_JWKS"), "{}", refused.stderr);
    std::fs::remove_file(&path).unwrap();
    let start = clinic.run_with(&["serve"], &settings).await.unwrap();
    assert!(start.code == Some(1) && start.stderr.contains("DAYBOOK_JWKS"), "{}", start.stderr);
}
