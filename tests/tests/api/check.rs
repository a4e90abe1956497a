//! Patients look up their own reservations by phone number and birth date. Names are masked, and nobody can find out who
//! is a patient.

use daybook_api::Role;
use daybook_tests::app::App;
use daybook_tests::clinic::Clinic;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form, form_with, send, staff_request};

const CHECK: &str = "/api/public/reservations/check";

async fn check(app: &App, phone: &str, birth_date: &str) -> Response {
    send(app.post(CHECK).json(&json!({"phone": phone, "birth_date": birth_date}))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_finds_their_own_reservations_masked() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        book(&app, &form()).await.ok();
        book(&app, &form_with(json!({"preferred_date": "2026-12-03"}))).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        let own = check(&app, "+82 10 1234 5678", "1990-01-01").await.ok();
        insta::assert_json_snapshot!("own_reservations", own.json, {".reservations[].id" => "[id]"});
        let by_query = send(app.get(&format!("{CHECK}?phone=01012345678&birth_date=1990-01-01"))).await.ok();
        assert_eq!(by_query.json, own.json);
        assert_eq!(own.header("cache-control"), "no-store");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_birth_date_and_an_unknown_patient_get_the_same_response() {
    let app = app_on("legacy").await;
    book(&app, &form()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let wrong = check(&app, "010-1234-5678", "1990-01-02").await.ok();
    let nobody = check(&app, "010-9999-9999", "1990-01-02").await.ok();
    assert_eq!(wrong.json, json!({"success": true, "reservations": [], "count": 0}));
    assert_eq!(wrong.json, nobody.json);
    let header_names = |response: &Response| {
        let mut names: Vec<String> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(header_names(&wrong), header_names(&nobody));
}

#[tokio::test(flavor = "multi_thread")]
async fn phone_and_birth_date_are_required_and_at_most_ten_reservations_are_shown() {
    let app = app_on("legacy").await;
    for (body, fields) in [
        (json!({"phone": "010-1234-5678"}), json!(["birth_date"])),
        (json!({"birth_date": "1990-01-01"}), json!(["phone"])),
        (json!({}), json!(["phone", "birth_date"])),
    ] {
        let refused = send(app.post(CHECK).json(&body)).await;
        assert_eq!((refused.code(), &refused.json["fields"]), ("MISSING_FIELDS", &fields));
    }
    for day in 1..=12 {
        let at = json!({"preferred_date": format!("2026-12-{day:02}"), "preferred_time": "11:00"});
        let booked = book(&app, &form_with(at)).await;
        assert!(booked.status == 200 || day == 6, "{}", booked.json);
    }
    app.clinic.wait_for_views().await.unwrap();
    assert_eq!(check(&app, "010-1234-5678", "1990-01-01").await.ok().json["count"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_lookups_are_refused_for_a_while() {
    let app = app_on("legacy").await;
    for _ in 0..10 {
        check(&app, "010-1234-5678", "1990-01-01").await.ok();
    }
    let refused = check(&app, "010-1234-5678", "1990-01-01").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, "RATE_LIMITED"));
    assert!(!refused.header("retry-after").is_empty() && refused.json["until"].is_string());
    check(&app, "010-8765-4321", "1990-01-01").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_from_many_networks_are_bounded_and_whoever_found_themselves_is_not_shut_out() {
    let app = App::behind_proxy(Clinic::open().await.unwrap()).await.unwrap();
    book(&app, &form()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let look_up = |from: String, phone: &'static str, birth_date: String| {
        let request = app.post(CHECK).header("X-Forwarded-For", from);
        send(request.json(&json!({"phone": phone, "birth_date": birth_date})))
    };
    let own = || look_up("2001:db8:1::7".to_owned(), "010-1234-5678", "1990-01-01".to_owned());
    assert_eq!(own().await.ok().json["count"], 1);
    let guesses = |phone| {
        let guess =
            move |n: usize| look_up(format!("198.51.100.{n}"), phone, format!("1980-02-{:02}", n % 28 + 1));
        futures_util::future::join_all((0..200).map(guess))
    };
    // The answers do not tell whether the number is known.
    for phone in ["010-1234-5678", "010-9999-0000"] {
        let answered = guesses(phone).await.iter().filter(|response| response.status == 200).count();
        assert_eq!(answered, 10, "{phone}");
    }
    let right = look_up("198.51.100.250".to_owned(), "010-1234-5678", "1990-01-01".to_owned()).await;
    assert_eq!(right.code(), "RATE_LIMITED");
    let hours = right.header("retry-after").parse::<u32>().unwrap() / 3600;
    assert!((23..=24).contains(&hours), "{hours} hours");
    assert!(right.json["until"].is_string(), "{}", right.json);
    assert_eq!(own().await.ok().json["count"], 1);
    look_up("198.51.100.250".to_owned(), "010-8888-0000", "1990-01-01".to_owned()).await.ok();
}

/// A stranger books at a patient's number with a birth date of their own, and finds that one from everywhere.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_found_an_own_booking_at_a_number_cannot_guess_at_the_others() {
    let app = App::behind_proxy(Clinic::open().await.unwrap()).await.unwrap();
    book(&app, &form()).await.ok();
    let own = json!({"birth_date": "2001-01-01", "preferred_date": "2026-12-03"});
    book(&app, &form_with(own)).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let look_up = |n: usize, birth_date: String| {
        let request = app.post(CHECK).header("X-Forwarded-For", format!("198.51.100.{}", n % 40));
        send(request.json(&json!({"phone": "010-1234-5678", "birth_date": birth_date})))
    };
    for n in 0..40 {
        assert_eq!(look_up(n, "2001-01-01".to_owned()).await.ok().json["count"], 1);
    }
    let guess = |n: usize| look_up(n, format!("19{}-02-02", 40 + n / 4));
    let guesses = futures_util::future::join_all((0..200).map(guess)).await;
    assert_eq!(guesses.iter().filter(|response| response.status == 200).count(), 10);
    let day = 24 * 60 * 60;
    let refused = guesses.iter().filter(|response| response.status == 429);
    assert!(refused.map(|response| response.header("retry-after").parse::<u32>().unwrap()).all(|s| s <= day));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_times_and_notes_are_not_shown_to_patients() {
    let app = app_on("legacy").await;
    book(&app, &form_with(json!({"preferred_time": "홍길동 아무때나"}))).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    let own = check(&app, "010-1234-5678", "1990-01-01").await.ok();
    assert_eq!(own.json["reservations"][0]["preferred_time"], Value::Null);
    let text = own.json.to_string();
    for hidden in ["홍길동", "010", "hong@example.com", "주차"] {
        assert!(!text.contains(hidden), "{text}");
    }
    let seen = send(staff_request(&app, Role::Editor, Method::GET, "/api/reservations")).await.ok();
    assert!(seen.json.to_string().contains("홍길동 아무때나"));
}
