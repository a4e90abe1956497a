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
    let refused = all.iter().find(|response| response.code() == "PATIENT_LIMIT_REACHED").unwrap();
    assert_eq!(refused.status, 409);
    let again = send(keyed).await.ok();
    assert_eq!(again.json["reservation"]["id"], first.json["reservation"]["id"]);
    let sister = form_with(json!({ "birth_date": "1992-02-02", "preferred_time": "퇴근하고요" }));
    book_from(&app, HOME, &sister).await.ok();
    book_at_desk(&app, &on_day(21)).await.ok();
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
