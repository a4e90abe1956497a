//! Which tokens are accepted: every kind of token on every route, keys of an issuer, and revocation.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_api::{JwtSecret, KeySet, Permission, Role, Settings};
use daybook_domain::access::TokenName;
use daybook_projections::parked;
use daybook_tests::app::{App, JWT_SECRET, NOW};
use daybook_tests::clinic::{Clinic, PATIENCE};
use daybook_tests::issuer::{Issuer, key_set};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{app_on, book, form, reservation_id, send};
use crate::permissions::{routes, tokens};

const LIST: &str = "/api/reservations";
const ISSUER: &str = "https://login.example";
const REVOKED: &str = "/api/admin/revoked-tokens";

fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// The claims of a valid token, with some replaced. Null removes a claim.
fn claims(role: Role, others: Value) -> Value {
    let now = now().timestamp();
    let mut claims = json!({
        "sub": "kim@clinic.example", "role": role.as_str(), "iss": ISSUER, "aud": "daybook", "iat": now - 60,
        "exp": now + 3600
    });
    claims.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

/// A token signed with a shared secret.
fn sign(header: &Header, secret: &str, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn own(claims: &Value) -> String {
    sign(&Header::new(Algorithm::HS256), JWT_SECRET, claims)
}

/// The issuers that the application trusts: one for each algorithm.
fn issuers() -> Vec<Issuer> {
    let algorithms = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    algorithms.map(|algorithm| Issuer::generate(algorithm, &format!("{algorithm:?}")).unwrap()).into()
}

fn write(path: &Path, issuers: &[&Issuer]) {
    std::fs::write(path, key_set(issuers).unwrap()).unwrap();
}

async fn app_with(path: &Path, adjust: impl FnOnce(Settings) -> Settings) -> App {
    let keys = KeySet::open(path.to_str().unwrap().parse().unwrap()).await.unwrap();
    let clinic = Clinic::open().await.unwrap();
    App::with_settings(clinic, |settings| adjust(Settings { key_set: Some(keys), ..settings })).await.unwrap()
}

async fn status(app: &App, token: &str) -> u16 {
    send(app.get(LIST).bearer_auth(token)).await.status.as_u16()
}

async fn wait_for_status(app: &App, token: &str, expected: u16) {
    let waiting = async { while status(app, token).await != expected {} };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

/// Tokens that are valid nowhere, whatever their role.
fn invalid_tokens(role: Role, issuers: &[Issuer]) -> Vec<(&'static str, String)> {
    let (rsa, seconds) = (&issuers[0], now().timestamp());
    let valid = claims(role, json!({}));
    let own_with = |others: Value| own(&claims(role, others));
    let rsa_with = |others: Value| rsa.sign(&claims(role, others)).unwrap();
    let hs256 = Header::new(Algorithm::HS256);
    let named = |id: &str| Header { kid: Some(id.to_owned()), ..hs256.clone() };
    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..hs256.clone() };
    let stranger = Issuer::generate(Algorithm::RS256, "RS256").unwrap();
    let stranger_key = serde_json::from_value(stranger.public_key().unwrap()).unwrap();
    let embedded = Header { jwk: Some(stranger_key), ..Header::new(Algorithm::RS256) };
    let public = rsa.public_key().unwrap();
    let modulus = public["n"].as_str().unwrap();
    let year = 366 * 24 * 3600;
    let mut tampered = rsa.sign(&valid).unwrap();
    let last = if tampered.ends_with('A') { "B" } else { "A" };
    let place = tampered.len() - 10;
    tampered.replace_range(place..=place, if &tampered[place..=place] == last { "C" } else { last });
    let none = |header: Value| {
        let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.", part(&header), part(&valid))
    };
    vec![
        ("expired", own_with(json!({"exp": seconds - 60}))),
        ("expired, of the issuer", rsa_with(json!({"exp": seconds - 60}))),
        ("not yet valid", own_with(json!({"nbf": seconds + 60}))),
        ("issued in the future", own_with(json!({"iat": seconds + 60}))),
        ("not yet valid, of the issuer", rsa_with(json!({"nbf": seconds + 60}))),
        ("wrong audience", own_with(json!({"aud": "billing"}))),
        ("wrong audience, of the issuer", rsa_with(json!({"aud": "billing"}))),
        ("no audience, of the issuer", rsa_with(json!({"aud": null}))),
        ("wrong issuer", own_with(json!({"iss": "https://evil.example"}))),
        ("no issuer", own_with(json!({"iss": null}))),
        ("wrong issuer, of the issuer", rsa_with(json!({"iss": "https://evil.example"}))),
        ("critical extension", sign(&critical, JWT_SECRET, &valid)),
        ("algorithm none", none(json!({"alg": "none"}))),
        ("algorithm None of the issuer's key", none(json!({"alg": "None", "kid": "RS256"}))),
        ("public key as the secret", sign(&named("RS256"), modulus, &valid)),
        ("key set as the secret", sign(&named("RS256"), &public.to_string(), &valid)),
        ("another secret", sign(&hs256, "another-secret-that-is-long-enough", &valid)),
        ("HS384 with the secret", sign(&Header::new(Algorithm::HS384), JWT_SECRET, &valid)),
        ("unknown key", Issuer::generate(Algorithm::EdDSA, "x").unwrap().sign(&valid).unwrap()),
        ("another's key", stranger.sign(&valid).unwrap()),
        ("another's key in the header", stranger.sign_with(embedded, &valid).unwrap()),
        (
            "key of another algorithm",
            Issuer::generate(Algorithm::EdDSA, "RS256").unwrap().sign(&valid).unwrap(),
        ),
        ("tampered signature", tampered),
        ("revoked", own_with(json!({"jti": "revoked"}))),
        ("revoked, of the issuer", rsa_with(json!({"jti": "revoked"}))),
        ("of somebody revoked", own_with(json!({"sub": "lost@clinic.example", "iat": null}))),
        ("too long lived", own_with(json!({"exp": seconds + year}))),
        ("too long lived, of the issuer", rsa_with(json!({"exp": seconds + year + 1, "iat": null}))),
        ("too long", own_with(json!({"padding": "x".repeat(4096)}))),
        ("no role", own_with(json!({"role": null}))),
        ("half a token", own(&valid).rsplit_once('.').unwrap().0.to_owned()),
        ("empty", String::new()),
    ]
}

async fn revoke(app: &App, body: &Value) {
    let token = own(&claims(Role::SuperAdmin, json!({})));
    send(app.post(REVOKED).bearer_auth(token).json(body)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_accepts_an_invalid_token_of_any_role() {
    let (folder, issuers) = (tempfile::tempdir().unwrap(), issuers());
    let path = folder.path().join("keys.json");
    write(&path, &issuers.iter().collect::<Vec<_>>());
    let app = app_with(&path, |mut settings| {
        settings.token_rules.issuer = Some(ISSUER.into());
        settings
    })
    .await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    revoke(&app, &json!({"token": "revoked", "reason": "lost"})).await;
    revoke(&app, &json!({"subject": "lost@clinic.example"})).await;
    let head = app.clinic.log.head().await.unwrap();
    for role in Role::ALL {
        let all = invalid_tokens(role, &issuers);
        // What is wrong with them is nothing else.
        let valid = claims(role, json!({"padding": "x"}));
        for token in issuers.iter().map(|issuer| issuer.sign(&valid).unwrap()).chain([own(&valid)]) {
            assert_eq!(status(&app, &token).await, 200, "{role}");
        }
        for (method, path, _) in routes(&format!("/api/reservations/{id}")) {
            let request = || app.request(method.clone(), &path).body("{}");
            for (kind, token) in &all {
                let refused = send(request().bearer_auth(token)).await;
                let found = (refused.status.as_u16(), refused.code());
                assert_eq!(found, (401, "UNAUTHENTICATED"), "{kind}: {method} {path} {role}");
                assert_eq!(refused.json.as_object().unwrap().len(), nobody(&app).await, "{kind}");
            }
            let twice = request().bearer_auth("x").bearer_auth(own(&claims(role, json!({}))));
            assert_eq!(send(twice).await.status, 400, "{method} {path}");
        }
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "a refusal appends nothing");
}

/// Number of fields of the response to a request without a token: a refusal says no more.
async fn nobody(app: &App) -> usize {
    send(app.get(LIST)).await.json.as_object().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_secret_and_of_each_key_have_the_permissions_of_their_role() {
    let (folder, issuers) = (tempfile::tempdir().unwrap(), issuers());
    let path = folder.path().join("keys.json");
    write(&path, &issuers.iter().collect::<Vec<_>>());
    let app = app_with(&path, |settings| settings).await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    for (method, path, permission) in routes(&format!("/api/reservations/{id}")) {
        for (role, only, has) in tokens() {
            let listed = only.clone().map(|only| only.iter().map(|one| one.as_str()).collect::<Vec<_>>());
            let claims = claims(role, json!({ "permissions": listed }));
            let signed = issuers.iter().map(|issuer| issuer.sign(&claims).unwrap()).chain([own(&claims)]);
            for token in signed {
                let outcome = send(app.request(method.clone(), &path).body("{}").bearer_auth(token)).await;
                let status = outcome.status.as_u16();
                let who = format!("{method} {path} {role} {only:?}: {}", outcome.json);
                assert_eq!(status == 403, !has.contains(&permission), "{who}");
                assert!(!matches!(status, 401 | 500..), "{who}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let issuer = |id| Issuer::generate(Algorithm::EdDSA, id).unwrap();
    let (old, new, claims) = (issuer("1"), issuer("2"), claims(Role::Admin, json!({})));
    let (old_token, new_token) = (old.sign(&claims).unwrap(), new.sign(&claims).unwrap());
    write(&path, &[&old]);
    let app = app_with(&path, |settings| settings).await;
    assert_eq!((status(&app, &old_token).await, status(&app, &new_token).await), (200, 401));
    write(&path, &[&old, &new]);
    wait_for_status(&app, &new_token, 200).await;
    assert_eq!(status(&app, &old_token).await, 200);
    write(&path, &[&new]);
    wait_for_status(&app, &old_token, 401).await;
    assert_eq!(status(&app, &new_token).await, 200);
    // The same id with another key: a token in the cache is not valid any more.
    write(&path, &[&issuer("2")]);
    wait_for_status(&app, &new_token, 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_shared_secret_only_the_keys_of_the_set_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let issuer = Issuer::generate(Algorithm::ES256, "1").unwrap();
    write(&path, &[&issuer]);
    let claims = claims(Role::Admin, json!({}));
    let app = app_with(&path, |settings| Settings { jwt_secret: None, ..settings }).await;
    assert_eq!(status(&app, &issuer.sign(&claims).unwrap()).await, 200);
    for secret in [JWT_SECRET, ""] {
        assert_eq!(status(&app, &sign(&Header::new(Algorithm::HS256), secret, &claims)).await, 401);
    }
    let previous = Some(JwtSecret::parse(JWT_SECRET).unwrap());
    let app =
        app_with(&path, |settings| Settings { jwt_secret: None, previous_jwt_secret: previous, ..settings })
            .await;
    assert_eq!(status(&app, &own(&claims)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_refused_and_every_process_knows_it() {
    let app = app_on("legacy").await;
    let other = app.clinic.commands_at(NOW).await.unwrap();
    let one = own(&claims(Role::SuperAdmin, json!({"jti": "one"})));
    let two = own(&claims(Role::Admin, json!({"jti": "two"})));
    assert_eq!(status(&app, &one).await, 200);
    let body = json!({"token": "one", "reason": "a lost laptop"});
    let head = app.clinic.log.head().await.unwrap();
    let revoked = send(app.post(REVOKED).bearer_auth(&one).json(&body)).await.ok();
    assert!(revoked.position() > head);
    assert_eq!(revoked.json["tokens"][0]["token"], "one");
    assert_eq!(revoked.json["tokens"][0]["reason"], "a lost laptop");
    assert_eq!((status(&app, &one).await, status(&app, &two).await), (401, 200));
    let token = TokenName { id: Some("one"), subject: "kim@clinic.example", issued: None };
    let following = async {
        while !other.revocations().unwrap().contains(token) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, following).await.unwrap();
    let admin = own(&claims(Role::SuperAdmin, json!({})));
    let again = send(app.post(REVOKED).bearer_auth(&admin).json(&body)).await.ok();
    assert_eq!(again.position(), revoked.position(), "its effect is there already");
    assert_eq!(send(app.get(REVOKED).bearer_auth(&admin)).await.ok().json, revoked.json);
    // The views pass the event and park nothing.
    app.clinic.wait_for_views().await.unwrap();
    assert!(parked::list(&app.clinic.pool.get().await.unwrap()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_earlier_tokens_of_a_member_of_staff_are_revoked_together() {
    let app = app_on("legacy").await;
    let admin = own(&claims(Role::SuperAdmin, json!({"sub": "boss"})));
    let issued = |seconds: i64| own(&claims(Role::Admin, json!({"iat": now().timestamp() + seconds})));
    let undated = own(&claims(Role::Admin, json!({"iat": null})));
    let before = (now() - TimeDelta::seconds(10)).to_rfc3339();
    let body = json!({"subject": "kim@clinic.example", "issuedBefore": before});
    send(app.post(REVOKED).bearer_auth(&admin).json(&body)).await.ok();
    for (token, expected) in
        [(issued(-11), 401), (issued(-10), 200), (issued(0), 200), (undated, 401), (admin, 200)]
    {
        assert_eq!(status(&app, &token).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_revocation_is_refused_by_its_field() {
    let app = app_on("legacy").await;
    let admin = own(&claims(Role::SuperAdmin, json!({})));
    let head = app.clinic.log.head().await.unwrap();
    let later = (now() + TimeDelta::seconds(1)).to_rfc3339();
    for (body, field) in [
        (json!({}), "token"),
        (json!({"token": "x".repeat(257)}), "token"),
        (json!({"token": admin}), "token"),
        (json!({"token": "eyJh.e30.x"}), "token"),
        (json!({"token": "a", "subject": "kim"}), "token"),
        (json!({"token": "a", "issuedBefore": NOW}), "token"),
        (json!({"token": "a", "reason": 7}), "reason"),
        (json!({"subject": "x".repeat(101)}), "subject"),
        (json!({"subject": "kim", "issuedBefore": "yesterday"}), "issuedBefore"),
        (json!({"subject": "kim", "issuedBefore": later}), "issuedBefore"),
        (json!({"token": "a", "until": NOW}), "until"),
    ] {
        let refused = send(app.post(REVOKED).bearer_auth(&admin).json(&body)).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.json.to_string().contains(&format!("\"{field}\"")), "{body}: {}", refused.json);
    }
    let narrow = own(&claims(Role::SuperAdmin, json!({"permissions": [Permission::Privacy.as_str()]})));
    let refused =
        send(app.request(Method::POST, REVOKED).bearer_auth(narrow).json(&json!({"token": "a"}))).await;
    assert_eq!(refused.status, 403);
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
