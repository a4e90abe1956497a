//! Bounds on bookings without a token. They never bound the clinic.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use daybook_api::Role;
use daybook_commands::{BookingOutcome, CommandError, Commands, Origin, Settings, StrangerBounds};
use daybook_domain::schedule::{BookingBound, Rejection};
use daybook_domain::{Actor, ClinicZone, ReadModel};
use daybook_migration::import::{ImportRun, Source};
use daybook_tests::app::App;
use daybook_tests::clinic::{Clinic, FixedClock, request};
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::client::{Response, book, form, form_with, send, staff_request};

const BOOKING: &str = "/api/public/reservations";

/// Everybody in a network of their own.
const HOME: &str = "203.0.113.7";

/// A booking that takes no seat: the time has to be read by a person. Ten fit on a day.
fn unread(number: u32) -> Value {
    let services = ["WRINKLE_BOTOX", "SKIN_CARE", "BODY_CARE"];
    form_with(json!({
        "phone": format!("010-2000-{number:04}"),
        "preferred_date": format!("2026-12-{:02}", 1 + number % 5),
        "preferred_time": "퇴근하고요",
        "service": services[number as usize % services.len()],
    }))
}

/// A process over the log of a clinic, behind a proxy.
async fn process(mut clinic: Clinic, bounds: StrangerBounds) -> App {
    clinic.commands = commands(&clinic, bounds).await;
    App::behind_proxy(clinic).await.unwrap()
}

async fn commands(clinic: &Clinic, bounds: StrangerBounds) -> Commands {
    let clock = Arc::new(FixedClock("2026-11-20T01:00:00Z".parse().unwrap()));
    let settings = Settings { zone: ClinicZone::SEOUL, clock, bounds };
    Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await.unwrap()
}

async fn book_from(app: &App, address: &str, form: &Value) -> Response {
    send(app.post(BOOKING).header("X-Forwarded-For", address).json(form)).await
}

async fn book_at_desk(app: &App, form: &Value) -> Response {
    send(staff_request(app, Role::Admin, Method::POST, BOOKING).header("X-Forwarded-For", HOME).json(form))
        .await
}

async fn reject(app: &App, booked: &Response) {
    let path = format!("/api/reservations/{}", booked.json["reservation"]["id"].as_str().unwrap());
    let body = json!({ "status": "REJECTED", "reason": "spam" });
    send(staff_request(app, Role::Admin, Method::PATCH, &path).json(&body)).await.ok();
}

/// Asserts a refusal that says until when and records nothing.
async fn assert_refused(app: &App, address: &str, form: &Value, status: u16, code: &str) {
    let head = app.clinic.log.head().await.unwrap();
    let refused = book_from(app, address, form).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{}", refused.json);
    assert!(
        refused.json["until"].is_string() && !refused.header("retry-after").is_empty(),
        "{}",
        refused.json
    );
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

/// Books until there is room: another process or the desk has made some a moment ago.
async fn book_soon(app: &App, address: &str, form: &Value) -> Response {
    for _ in 0..200 {
        let booked = book_from(app, address, form).await;
        if booked.status == 200 {
            return booked;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("there is no room");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bookings_of_one_network_are_bounded_until_the_desk_rejects_some() {
    let bounds = StrangerBounds { per_network: 4, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let first = book_from(&app, HOME, &unread(0)).await.ok();
    for number in 1..4 {
        book_from(&app, HOME, &unread(number)).await.ok();
    }
    assert_refused(&app, HOME, &unread(4), 429, "NETWORK_LIMIT_REACHED").await;
    // What a client writes into the header itself does not count.
    assert_refused(&app, &format!("198.51.100.1, {HOME}"), &unread(4), 429, "NETWORK_LIMIT_REACHED").await;
    book_from(&app, "203.0.113.8", &unread(4)).await.ok();
    book_at_desk(&app, &unread(5)).await.ok();
    reject(&app, &first).await;
    book_soon(&app, HOME, &unread(6)).await;
    // The addresses of one subscriber are one network.
    for number in 10..14 {
        book_from(&app, &format!("2001:db8:1:2::{number}"), &unread(number)).await.ok();
    }
    assert_refused(&app, "2001:db8:1:2:ffff::1", &unread(14), 429, "NETWORK_LIMIT_REACHED").await;
    book_from(&app, "2001:db8:1:3::1", &unread(14)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_may_stand_for_everybody() {
    let mut clinic = Clinic::open().await.unwrap();
    clinic.commands = commands(&clinic, StrangerBounds { per_network: 1, ..StrangerBounds::default() }).await;
    let app = App::with_clinic(clinic, chrono::TimeDelta::zero()).await.unwrap();
    for number in 0..3 {
        book(&app, &unread(number)).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_has_five_open_bookings_however_many_are_sent_at_once() {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let on_day = |day: u32| {
        form_with(json!({ "preferred_date": format!("2026-12-{day:02}"), "preferred_time": "퇴근하고요" }))
    };
    let keyed = app.post(BOOKING).header("X-Forwarded-For", HOME).header("Idempotency-Key", "first");
    let keyed = keyed.json(&on_day(1));
    let first = send(keyed.try_clone().unwrap()).await.ok();
    let days = (2..=19).filter(|day| day % 7 != 6);
    let all = days.map(|day| {
        let (app, form) = (&app, on_day(day));
        async move { book_from(app, &format!("198.51.100.{day}"), &form).await }
    });
    let all = join_all(all).await;
    let accepted = all.iter().filter(|response| response.status == 200).count();
    assert_eq!(accepted, 4);
    for refused in all.iter().filter(|response| response.status != 200) {
        let answer = (refused.status.as_u16(), refused.code());
        assert!([(409, "PATIENT_LIMIT_REACHED"), (503, "BUSY")].contains(&answer), "{answer:?}");
    }
    assert_refused(&app, HOME, &on_day(22), 409, "PATIENT_LIMIT_REACHED").await;
    let again = send(keyed).await.ok();
    assert_eq!(again.json["reservation"]["id"], first.json["reservation"]["id"]);
    let sister = form_with(json!({ "birth_date": "1992-02-02", "preferred_time": "퇴근하고요" }));
    book_from(&app, HOME, &sister).await.ok();
    book_at_desk(&app, &on_day(21)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_desk_frees_can_be_booked_at_once() {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let own = |day: u32| {
        form_with(json!({"preferred_date": format!("2026-12-{day:02}"), "preferred_time": "퇴근하고요"}))
    };
    let mut last = None;
    for day in 7..12 {
        last = Some(book_from(&app, HOME, &own(day)).await.ok());
    }
    for day in 14..18 {
        assert_refused(&app, HOME, &own(day), 409, "PATIENT_LIMIT_REACHED").await;
        app.clinic.wait_for_views().await.unwrap();
        reject(&app, last.as_ref().unwrap()).await;
        last = Some(book_from(&app, HOME, &own(day)).await.ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_restart_nor_another_process_forgets_what_is_open() {
    let clinic = Clinic::without_views().await.unwrap();
    let bounds = StrangerBounds { per_patient: 2, ..StrangerBounds::default() };
    let (one, other) = (commands(&clinic, bounds).await, commands(&clinic, bounds).await);
    other.count_strangers().await.unwrap();
    let ask = async |commands: &Commands, date: &str| {
        let asked = request(7, "srv_body_care", date, "퇴근하고요", ReadModel::Legacy);
        commands.request(asked, Origin::from_actor(Actor::public())).await
    };
    let is_refused = |outcome: Result<BookingOutcome, CommandError>| match outcome {
        Err(CommandError::Rejected(Rejection::BoundReached(reached))) => {
            assert_eq!(reached.bound, BookingBound::Patient);
            true
        }
        outcome => outcome.map(|_| false).unwrap(),
    };
    for date in ["2026-12-01", "2026-12-02"] {
        ask(&one, date).await.unwrap();
    }
    assert!(is_refused(ask(&one, "2026-12-03").await));
    let restarted = commands(&clinic, bounds).await;
    assert!(is_refused(ask(&restarted, "2026-12-03").await));
    // The other process follows the log, and learns of both within moments.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(is_refused(ask(&other, "2026-12-03").await));
}

/// Four patients can be treated at the same time, so an overlap is refused for no other reason.
async fn process_with_four_seats() -> App {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let seats = json!({ "dayOfWeek": 2, "slots": [
        { "period": "MORNING", "startTime": "09:00", "endTime": "12:00", "maxConcurrent": 4 },
    ]});
    send(staff_request(&app, Role::Admin, Method::PUT, "/api/admin/clinic-hours").json(&seats)).await.ok();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_cannot_book_a_patient_twice_at_one_time() {
    let app = process_with_four_seats().await;
    book_from(&app, HOME, &form()).await.ok();
    let head = app.clinic.log.head().await.unwrap();
    let other_service = form_with(json!({ "service": "SKIN_CARE" }));
    let refused = book_from(&app, HOME, &other_service).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "OVERLAPPING_BOOKING"), "{}", refused.json);
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
    let sister = form_with(json!({ "service": "SKIN_CARE", "birth_date": "1992-02-02" }));
    book_from(&app, HOME, &sister).await.ok();
    book_at_desk(&app, &other_service).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_of_the_old_system_counts_as_the_patients_too() {
    let app = process_with_four_seats().await;
    let export = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,notes,\
                  adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy\n\
                  old-1,홍길순,82-10-1234-5678,,1990-01-01,FEMALE,FOLLOW_UP,2026-12-01,오전 10시,CONFIRMED,,,\
                  2026-11-01 02:15:00,2026-11-02 06:45:00,SKIN_CARE,2026-11-02 06:45:00,\n";
    let source = Source::csv(Cursor::new(export.as_bytes().to_vec()));
    let report = ImportRun::default().run(&app.clinic.commands, source, &|_| {}).await.unwrap();
    assert_eq!(report.imported, 1);
    let other_service = form_with(json!({ "service": "BODY_CARE" }));
    let refused = book_from(&app, HOME, &other_service).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "OVERLAPPING_BOOKING"), "{}", refused.json);
    book_from(&app, HOME, &form_with(json!({ "service": "BODY_CARE", "preferred_time": "11:00" })))
        .await
        .ok();
}

/// The refusal of an overlap would tell whether a birth date is right, so tries of a number are bounded over all networks.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_try_birth_dates_by_booking() {
    let bounds = StrangerBounds { per_number: 6, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let guess = |year: u32| {
        form_with(json!({
            "birth_date": format!("{year}-01-01"), "preferred_time": "퇴근하고요",
            "preferred_date": format!("2026-12-{:02}", 1 + year % 5),
        }))
    };
    let mut answered = 0;
    for year in 1980..2000 {
        let response = book_from(&app, &format!("198.51.100.{}", year % 100), &guess(year)).await;
        match response.code() {
            "NUMBER_LIMIT_REACHED" => assert_eq!(response.status, 429),
            _ => answered += 1,
        }
    }
    assert_eq!(answered, 6);
    assert_refused(&app, HOME, &guess(1980), 429, "NUMBER_LIMIT_REACHED").await;
    book_at_desk(&app, &guess(1979)).await.ok();
}

/// The network of the stranger.
const AWAY: &str = "198.51.100.66";

/// Other requests than a patient's, which differ in the birth date alone, and the patient's own one.
fn birth_dates(own: &Value) -> Vec<Value> {
    let other = |year: u32| {
        let mut other = own.clone();
        other["birth_date"] = format!("{year}-01-01").into();
        other
    };
    (1980..2000).map(other).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_of_a_network_all_birth_dates_get_the_same_answer_and_cost_nothing() {
    let bounds =
        StrangerBounds { per_patient: 1, per_network: 2, per_number: 3, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let own = form_with(json!({ "preferred_time": "퇴근하고요" }));
    let booked = book_from(&app, HOME, &own).await.ok();
    for number in 0..2 {
        book_from(&app, AWAY, &unread(number)).await.ok();
    }
    // The right one is a double click, an overlap and that of a patient with as many bookings as are allowed.
    let elsewhen = form_with(json!({ "preferred_date": "2026-12-04", "preferred_time": "퇴근하고요" }));
    let mut answers = Vec::new();
    for guess in birth_dates(&own).into_iter().chain(birth_dates(&elsewhen)) {
        let Response { status, json, .. } = book_from(&app, AWAY, &guess).await;
        answers.push((status.as_u16(), json["code"].clone(), json["until"].clone()));
    }
    let until = json!("2026-12-01T15:00:00Z");
    assert!(answers.iter().all(|answer| *answer == (429, json!("NETWORK_LIMIT_REACHED"), until.clone())));
    // The patient has two tries of three left, and finds the booking.
    let again = book_from(&app, HOME, &own).await.ok();
    assert_eq!(again.json["reservation"]["id"], booked.json["reservation"]["id"]);
    assert_refused(&app, HOME, &elsewhen, 409, "PATIENT_LIMIT_REACHED").await;
    assert_refused(&app, HOME, &own, 429, "NUMBER_LIMIT_REACHED").await;
}

/// A double click of the right birth date gets a booking where all others are refused, so it costs a try.
#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_tries_of_a_number_all_birth_dates_get_the_same_answer() {
    let bounds = StrangerBounds { per_number: 4, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let own = form_with(json!({ "preferred_time": "퇴근하고요" }));
    for _ in 0..4 {
        book_from(&app, HOME, &own).await.ok();
    }
    for guess in birth_dates(&own) {
        assert_refused(&app, AWAY, &guess, 429, "NUMBER_LIMIT_REACHED").await;
    }
    // What is refused for all birth dates is still answered.
    let closed = form_with(json!({ "preferred_date": "2026-12-06" }));
    assert_eq!(book_from(&app, AWAY, &closed).await.code(), "NO_CLINIC_HOURS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_request_finds_its_booking_beyond_all_bounds_but_its_key_names_no_birth_date() {
    let bounds = StrangerBounds { per_network: 1, per_number: 1, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let own = form_with(json!({ "preferred_time": "퇴근하고요" }));
    let keyed = |form: &Value, address: &str| {
        let request =
            app.post(BOOKING).header("X-Forwarded-For", address).header("Idempotency-Key", "guessed");
        send(request.json(form))
    };
    let booked = keyed(&own, HOME).await.ok();
    for _ in 0..30 {
        let again = keyed(&own, HOME).await.ok();
        assert_eq!(again.json["reservation"]["id"], booked.json["reservation"]["id"]);
    }
    let guesses: Vec<Value> = birth_dates(&own).into_iter().filter(|guess| *guess != own).collect();
    let mut told = 0;
    for guess in &guesses {
        let response = keyed(guess, AWAY).await;
        match response.code() {
            "RATE_LIMITED" => assert!(response.json["until"].is_string()),
            code => {
                assert_eq!(code, "IDEMPOTENCY_KEY_REUSED");
                told += 1;
            }
        }
    }
    assert_eq!(told, 10);
    assert_eq!(keyed(&own, AWAY).await.code(), "RATE_LIMITED", "the right one is not told either");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_sent_at_once_get_true_answers() {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let sent = |forms: Vec<Value>, key: Option<&'static str>| {
        let app = &app;
        join_all(forms.into_iter().enumerate().map(move |(n, form)| {
            let request = app.post(BOOKING).header("X-Forwarded-For", format!("198.51.100.{n}"));
            let request =
                key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
            send(request.json(&form))
        }))
    };
    // Whoever is busy may repeat the request.
    let ids = |responses: Vec<Response>| {
        let is_decided = |response: &Response| response.code() != "BUSY";
        let id = |response: Response| response.ok().json["reservation"]["id"].to_string();
        responses.into_iter().filter(is_decided).map(id).collect::<std::collections::BTreeSet<_>>()
    };
    let unread = |fields: Value| {
        let mut form = form_with(json!({ "preferred_time": "퇴근하고요" }));
        fields.as_object().unwrap().iter().for_each(|(field, value)| form[field] = value.clone());
        form
    };
    let repeated = vec![unread(json!({ "phone": "010-4000-0001" })); 10];
    let repeated = sent(repeated, Some("once")).await;
    assert!(repeated.iter().all(|response| response.status == 200));
    assert_eq!(ids(repeated).len(), 1);
    let clicked = vec![unread(json!({ "phone": "010-4000-0002" })); 30];
    assert_eq!(ids(sent(clicked, None).await).len(), 1);
    // One of them gets the time. No bound on open bookings is reached.
    let name = |n: usize| unread(json!({ "phone": "010-4000-0003", "patient_name": format!("홍{n}") }));
    let answers = sent((0..30).map(name).collect(), None).await;
    let number = |code: &str| answers.iter().filter(|answer| answer.code() == code).count();
    let [booked, overlapping, number_reached, busy] =
        ["", "OVERLAPPING_BOOKING", "NUMBER_LIMIT_REACHED", "BUSY"].map(number);
    assert_eq!((booked, booked + overlapping + number_reached + busy), (1, 30));
    assert!((10..20).contains(&overlapping), "{overlapping} overlap");
}

/// Sealing takes longer for a number that has no key yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_takes_the_same_time_for_a_number_that_is_known() {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let closed = form_with(json!({ "preferred_date": "2026-12-06" }));
    let started = std::time::Instant::now();
    assert_eq!(book_from(&app, HOME, &closed).await.code(), "NO_CLINIC_HOURS");
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_networks_cannot_keep_the_desk_from_its_day() {
    let app = process(Clinic::open().await.unwrap(), StrangerBounds::default()).await;
    let on_the_day = |number: u32, time: &str| {
        let services = ["WRINKLE_BOTOX", "SKIN_CARE", "BODY_CARE", "VOLUME_LIFTING"];
        form_with(json!({
            "phone": format!("010-3000-{number:04}"), "preferred_time": time,
            "service": services[number as usize % services.len()],
        }))
    };
    let mut taken = Vec::new();
    for number in 0..200 {
        let address = format!("198.51.100.{number}");
        let time = ["10:00", "11:00", "오전", "퇴근하고요"][number as usize / 4 % 4];
        let response = book_from(&app, &address, &on_the_day(number, time)).await;
        if response.status == 200 {
            taken.push((response, number, time));
        }
    }
    assert!(taken.len() > 10, "{}", taken.len());
    let closure =
        json!({ "date": "2026-12-01", "startTime": "16:00", "endTime": "17:00", "reason": "training" });
    let path = "/api/admin/manual-close";
    send(staff_request(&app, Role::Admin, Method::POST, path).json(&closure)).await.ok();
    // Neither do requests without a time, which take no seat but count for the limits.
    for (service, time) in [("WRINKLE_BOTOX", "오전"), ("SKIN_CARE", "14:00"), ("VOLUME_LIFTING", "17:00")]
    {
        let desk = form_with(json!({ "phone": "010-4000-0001", "service": service, "preferred_time": time }));
        book_at_desk(&app, &desk).await.ok();
    }
    let (spam, number, time) = taken.iter().find(|(_, _, time)| *time == "10:00").unwrap();
    reject(&app, spam).await;
    book_at_desk(&app, &on_the_day(*number + 400, time)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_counted_in_whatever_form_the_proxy_writes_it() {
    let bounds = StrangerBounds { per_network: 1, ..StrangerBounds::default() };
    let app = process(Clinic::open().await.unwrap(), bounds).await;
    let book_as = async |header: &[&[u8]], number: u32| {
        let lines = header.iter().map(|line| HeaderValue::from_bytes(line).unwrap());
        let request = lines.fold(app.post(BOOKING), |request, line| request.header("X-Forwarded-For", line));
        send(request.json(&unread(number))).await
    };
    book_as(&[b"203.0.113.7"], 0).await.ok();
    book_as(&[b"2001:db8:1:2::3"], 1).await.ok();
    book_as(&[b"unknown"], 2).await.ok();
    let forms: [&[&[u8]]; 15] = [
        &[b"203.0.113.7"],
        &[b"\xff, 203.0.113.7"],
        &["é, 203.0.113.7".as_bytes()],
        &[b"203.0.113.7:4711"],
        &[b"\"203.0.113.7\""],
        &[b"::ffff:203.0.113.7"],
        &[b"203.0.113.7,"],
        &[b"203.0.113.7", b""],
        &[b"198.51.100.1", b"203.0.113.7"],
        &[b"[2001:db8:1:2::3]:443"],
        &[b"2001:db8:1:2::3%eth0"],
        // Whoever the proxy does not name is counted together with all others that it does not name.
        &[b"unknown"],
        &[b"\xff"],
        &["198.51.100.1, é".as_bytes()],
        &[b"198.51.100.1:port"],
    ];
    for form in forms {
        let refused = book_as(form, 3).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (429, "NETWORK_LIMIT_REACHED"), "{form:?}");
    }
    book_as(&[b"203.0.113.8:4711"], 3).await.ok();
}
