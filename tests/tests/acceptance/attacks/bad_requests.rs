//! Generated bad requests over every route, method and role.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use daybook_api::{JwtSecret, Role, StaffName, TokenOrder, TokenRules, issue_token, routes};
use daybook_tests::app::JWT_SECRET;
use daybook_tests::process::{Installation, Service};
use futures_util::StreamExt;
use reqwest::{Client, Method};

use super::{assert_unharmed, log_head};
use crate::client::{RESERVATIONS, form, send, working_day};

/// Requests in an ordinary run.
const REQUESTS: usize = 3_000;

/// Requests at a time.
const CLIENTS: usize = 16;

/// The methods, of which each route has a few.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

/// Texts for paths, parameters, headers and fields. None is a valid value of anything that writes.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "'; DROP TABLE reservations; --",
    "-1",
    "99999999999999999999999",
    "NaN",
    "0000-00-00",
    "24:61",
    "\u{202e}\u{feff}",
    "<script>alert(1)</script>",
    "{{7*7}}",
];

/// Values for fields.
const VALUES: [&str; 10] = [
    "null",
    "true",
    "-1",
    "1e999",
    "[]",
    "{}",
    "[[[[]]]]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "18446744073709551616",
];

const FIELDS: [&str; 12] = [
    "patient_name",
    "phone",
    "birth_date",
    "preferred_date",
    "status",
    "action",
    "order",
    "slots",
    "dailyLimit",
    "dynamicPercentage",
    "to",
    "id",
];

const HEADERS: [&str; 8] = [
    "accept-language",
    "daybook-at-least",
    "daybook-client",
    "idempotency-key",
    "if-match",
    "traceparent",
    "x-forwarded-for",
    "x-request-id",
];

/// Repeatable pseudo-random numbers: a failure names its request, which is then the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.next() % of.len() as u64).unwrap()]
    }

    fn body(&mut self) -> Vec<u8> {
        match self.next() % 6 {
            0 => Vec::new(),
            1 => self.pick(&TEXTS).as_bytes().to_vec(),
            2 => vec![0xff; 64],
            3 => "[".repeat(20_000).into_bytes(),
            4 => vec![b' '; 70_000],
            _ => {
                let mut fields = || format!("{:?}:{}", self.pick(&FIELDS), self.pick(&VALUES));
                format!("{{{},{}}}", fields(), fields()).into_bytes()
            }
        }
    }
}

/// No token, tokens of each role, and tokens that are not valid.
fn tokens() -> Vec<Option<String>> {
    let (secret, now) = (JwtSecret::parse(JWT_SECRET).unwrap(), Utc::now());
    let issue = |role, hours| {
        let order =
            TokenOrder::new(StaffName::parse("stranger").unwrap(), role, now + TimeDelta::hours(hours));
        issue_token(&secret, &TokenRules::default(), order, now).unwrap()
    };
    let valid = [Role::Editor, Role::Admin, Role::SuperAdmin].map(|role| issue(role, 4));
    let invalid =
        [issue(Role::Admin, -1), format!("{}x", valid[1]), "e30.e30.".to_owned(), "x".repeat(5_000)];
    [None].into_iter().chain(valid.into_iter().chain(invalid).map(Some)).collect()
}

/// Sends request `number`. Returns its status, and what it was.
async fn attack(
    client: &Client,
    service: &Service,
    tokens: &[Option<String>],
    number: usize,
) -> (Method, u16, String) {
    let mut dice = Dice(number as u64);
    let (template, methods) = dice.pick(&routes().collect::<Vec<_>>());
    let of_route: Vec<&str> = methods.split(", ").collect();
    let method = if dice.next().is_multiple_of(8) { dice.pick(&METHODS) } else { dice.pick(&of_route) };
    let mut path = template.replace("{id}", dice.pick(&TEXTS).trim());
    if dice.next().is_multiple_of(2) {
        let parameter =
            dice.pick(&["date", "service", "cursor", "limit", "page", "id", "year", "to", "search", "x"]);
        path = format!("{path}?{parameter}={}", dice.pick(&TEXTS));
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client.request(method.clone(), service.url(&path));
    if let Some(token) = &tokens[usize::try_from(dice.next()).unwrap() % tokens.len()] {
        request = request.bearer_auth(token);
    }
    if dice.next().is_multiple_of(3) {
        request = request.header(dice.pick(&HEADERS), dice.pick(&TEXTS).as_bytes());
    }
    let response = send(request.body(dice.body())).await;
    let what = format!("request {number}: {method} {path}");
    match response {
        Ok(response) => (method, response.status, format!("{what}: {} {}", response.status, response.body)),
        // The service may close a connection whose body it does not want.
        Err(error) => (method, 0, format!("{what}: {error}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_bad_requests_cause_no_failure_and_append_nothing() {
    let requests = std::env::var("DAYBOOK_ATTACK_REQUESTS").map_or(REQUESTS, |count| count.parse().unwrap());
    let clinic = Installation::open().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let booking = form(1, "OTHER_CONSULTATION", working_day(1), "09:00");
    send(client.post(service.url(RESERVATIONS)).json(&booking)).await.unwrap().ok();
    let (head, tokens) = (log_head(&service).await, tokens());
    let answers = futures_util::stream::iter(0..requests)
        .map(|number| attack(&client, &service, &tokens, number))
        .buffer_unordered(CLIENTS);
    let mut answers = std::pin::pin!(answers);
    let mut lost = 0;
    while let Some((method, status, what)) = answers.next().await {
        let reads = matches!(method, Method::GET | Method::HEAD | Method::OPTIONS) || what.contains("/check");
        let overloaded = status == 503 && what.contains("OVERLOADED");
        assert!(status < 500 || overloaded, "{what}");
        assert!(reads || !(200..300).contains(&status), "a bad request was accepted: {what}");
        lost += usize::from(status == 0);
    }
    assert!(lost * 20 < requests, "{lost} of {requests} requests have no answer");
    assert_eq!(log_head(&service).await, head, "a refusal appended something");
    assert_unharmed(&clinic, &service).await;
}
