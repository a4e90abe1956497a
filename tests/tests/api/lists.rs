//! The staff's list: filters that both views answer alike, a search that ignores spellings, and pages by cursor.

use std::collections::BTreeSet;

use daybook_api::Role;
use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Response, app_in_step, book, form_with, reservation_id, send, send_json, set_share, staff_request,
};

async fn list(app: &App, query: &[(&str, &str)]) -> Response {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    send(staff_request(app, Role::Admin, Method::GET, &format!("/api/reservations?{}", query.join("&"))))
        .await
}

async fn total(app: &App, query: &[(&str, &str)]) -> Value {
    list(app, query).await.ok().json["pagination"]["total"].clone()
}

async fn booked(app: &App, fields: Value) -> String {
    reservation_id(&book(app, &form_with(fields)).await.ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_ignores_separators_widths_accents_case_blanks_and_composition() {
    let app = app_in_step("legacy").await;
    let people = [
        ("나래솔", "010-6000-0003", "09:00"),
        // Decomposed, as some systems send Hangul.
        ("\u{1100}\u{1161}\u{110b}\u{1169}\u{11ab}", "+82 10-6000-0004", "10:00"),
        ("José  García", "０１０-6000-0005", "11:00"),
        ("ＫＩＭ Sora", "10-6000-0006", "14:00"),
        ("Marwan", "٠١٠-٦٠٠٠-٠٠٧٧", "15:00"),
    ];
    for (name, phone, time) in people {
        let fields = json!({"patient_name": name, "phone": phone, "preferred_time": time, "service": "OTHER_CONSULTATION"});
        booked(&app, fields).await;
    }
    for percent in [0.0, 100.0] {
        set_share(&app, percent).await;
        for (search, expected) in [
            ("01060000003", 1),
            ("+82 10-6000-0003", 1),
            ("010-6000-0003", 1),
            ("0106000", 4),
            ("60000003", 1),
            ("6000-000", 4),
            ("6000-00", 5),
            ("0077", 1),
            ("٠٠٧٧", 1),
            ("010-6000-0077", 1),
            ("０１０-6000-0003", 1),
            ("01060000004", 1),
            ("010-6000-0004", 1),
            ("0082 10 6000 0004", 1),
            ("01060000005", 1),
            ("01060000006", 1),
            ("10-6000-0006", 1),
            ("나래솔", 1),
            ("나래", 1),
            ("가온", 1),
            ("\u{1102}\u{1161}\u{1105}\u{1162}", 1),
            ("JOSÉ", 1),
            ("jose", 1),
            ("jose garcia", 1),
            ("JOSE\u{301}   GARC", 1),
            ("kim", 1),
            ("ｋｉｍ  sora", 1),
            ("나라", 0),
            ("가오", 0),
            ("99", 0),
            ("%", 0),
            ("_", 0),
        ] {
            assert_eq!(total(&app, &[("search", search)]).await, expected, "{search:?} at {percent} %");
        }
    }
}

/// Names, and searches that find them: in the other case, without accents, and with the letters that people type instead.
/// The database's locale is C, whose `lower()` knows ASCII only.
const NAMES: [(&str, &[&str]); 15] = [
    ("Łukasz Żółć", &["Lukasz", "lukasz zolc", "ŁUKASZ ŻÓŁĆ", "łukasz żółć"]),
    ("Søren Ærø", &["soren", "SØREN", "aero", "ÆRØ", "ærø"]),
    ("Đặng Thị Ðóra", &["dang thi", "ĐẶNG", "đặng", "dora"]),
    ("Straße", &["strasse", "STRASSE", "STRAẞE", "straße"]),
    ("Þórir Œuvre", &["thorir", "ÞÓRIR", "oeuvre", "ŒUVRE"]),
    ("İpek Işık", &["ipek isik", "IPEK", "İPEK", "ipek ışık", "IŞIK"]),
    ("O’Brien–Smith", &["o'brien-smith", "O'BRIEN"]),
    ("Семёнова Ирина", &["семёнова", "СЕМЕНОВА", "семенова ирина", "ИРИНА"]),
    ("Ђорђе Їжак", &["ђорђе", "ЂОРЂЕ їжак"]),
    ("ΓΙΩΡΓΟΣ Παππάς", &["γιωργος", "Γιώργος", "ΓΙΏΡΓΟΣ ΠΑΠΠΆΣ", "παππας", "παππασ"]),
    ("Արամ Ⴀ", &["արամ", "ԱՐԱՄ", "ⴀ"]),
    ("ＫＩＭ Ꙁоя", &["kim ꙁоя", "KIM"]),
    ("王小明", &["王小", "小明"]),
    ("キム ガウン", &["ｷﾑ", "ガウン", "キム　カ\u{3099}ウン"]),
    ("O'Neill", &["o’neill", "O'NEILL"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_search_folds_the_case_of_every_script_whatever_the_locale_of_the_database() {
    let app = app_in_step("legacy").await;
    let client = app.clinic.pool.get().await.unwrap();
    let row = client.query_one("SELECT lower('ŁЖ')", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "ŁЖ", "a locale that hides what this tests");
    for (number, (name, _)) in NAMES.iter().enumerate() {
        // One seat each.
        let (day, time) = (1 + number / 5, ["09:00", "10:00", "11:00", "14:00", "15:00"][number % 5]);
        let fields = json!({
            "patient_name": name, "phone": format!("010-6100-{number:04}"), "preferred_time": time,
            "preferred_date": format!("2026-12-{day:02}"), "service": "OTHER_CONSULTATION",
        });
        booked(&app, fields).await;
    }
    for percent in [0.0, 100.0] {
        set_share(&app, percent).await;
        for (name, searches) in NAMES {
            for search in searches.iter().chain([&name]) {
                let found = list(&app, &[("search", search)]).await.ok().json["reservations"].clone();
                let names: Vec<_> = found.as_array().unwrap().iter().map(|row| &row["patientName"]).collect();
                assert_eq!(names, [name], "{search:?} at {percent} %");
            }
        }
        assert_eq!(total(&app, &[("search", "lukazs")]).await, 0);
        assert_eq!(total(&app, &[("search", "ж")]).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_patient_is_not_found_by_the_number() {
    let app = app_in_step("dynamic").await;
    booked(&app, json!({"phone": "82-10-6000-0003"})).await;
    assert_eq!(total(&app, &[("search", "010-6000-0003")]).await, 1);
    let phone = daybook_domain::phone::Phone::parse("010-6000-0003").unwrap();
    app.clinic.commands.forget(&phone, daybook_tests::clinic::desk()).await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
    for percent in [0.0, 100.0] {
        set_share(&app, percent).await;
        assert_eq!(total(&app, &[("search", "010-6000-0003")]).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_period_is_that_of_the_clinic_slot_under_both_models() {
    let app = app_in_step("legacy").await;
    // 2026-12-05 is a Saturday, whose only slot is a morning that ends at 13:00.
    let bookings = [
        ("2026-12-05", "preferred_time", "12:00", "MORNING"),
        ("2026-12-05", "preferred_time", "오전 10시", "MORNING"),
        ("2026-12-04", "preferred_time", "오후 2시", "AFTERNOON"),
        ("2026-12-04", "preferred_time", "11:00 am", "MORNING"),
        ("2026-12-04", "time_slot_start", "15:00", "AFTERNOON"),
        ("2026-12-04", "period", "AFTERNOON", "AFTERNOON"),
        ("2026-12-04", "preferred_time", "오전", "MORNING"),
        ("2026-12-04", "preferred_time", "오전은 빼고 아무 때나", ""),
    ];
    let mut expected = Vec::new();
    for (number, (date, field, time, period)) in bookings.into_iter().enumerate() {
        let mut fields = json!({"preferred_date": date, "service": "OTHER_CONSULTATION", "preferred_time": null,
            "phone": format!("010-1234-{number:04}")});
        fields[field] = time.into();
        expected.push((date, period, booked(&app, fields).await));
    }
    for percent in [0.0, 100.0] {
        set_share(&app, percent).await;
        for (asked, date) in ["MORNING", "AFTERNOON"].into_iter().flat_map(|asked| {
            [None, Some("2026-12-04"), Some("2026-12-05")].into_iter().map(move |date| (asked, date))
        }) {
            let mut query = vec![("period", asked)];
            query.extend(date.map(|date| ("date", date)));
            let answer = list(&app, &query).await.ok().json;
            let found: BTreeSet<&str> = answer["reservations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap())
                .collect();
            let is_wanted = |on: &str, period: &str| period == asked && date.is_none_or(|date| date == on);
            let wanted: BTreeSet<&str> = expected
                .iter()
                .filter(|(on, period, _)| is_wanted(on, period))
                .map(|(_, _, id)| id.as_str())
                .collect();
            assert_eq!(found, wanted, "{asked} on {date:?} at {percent} %");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_cursor_repeat_and_miss_nothing_while_bookings_come_and_change() {
    let app = app_in_step("legacy").await;
    let times = ["09:00", "10:00", "11:00", "14:00", "15:00", "16:00"];
    let fields = |date: &str, number: usize| {
        json!({"preferred_date": date, "preferred_time": times[number],
        "service": "OTHER_CONSULTATION", "phone": format!("010-1234-{number:04}")})
    };
    let mut before = BTreeSet::new();
    for (date, number) in
        ["2026-12-01", "2026-12-02"].into_iter().flat_map(|date| (0..5).map(move |number| (date, number)))
    {
        before.insert(booked(&app, fields(date, number)).await);
    }
    let (mut seen, mut cursor, mut page) = (Vec::new(), None::<String>, 0);
    loop {
        // Each page is answered by the other view.
        set_share(&app, if page % 2 == 0 { 0.0 } else { 100.0 }).await;
        let mut query = vec![("limit", "3"), ("status", "PENDING")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let answer = list(&app, &query).await.ok().json;
        page += 1;
        assert_eq!(answer["pagination"]["page"], page);
        seen.extend(
            answer["reservations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = answer["pagination"]["nextCursor"].as_str() else { break };
        cursor = Some(next.to_owned());
        if page == 1 {
            // A row before the page and one on it: rows counted from the start would move.
            booked(&app, fields("2026-12-03", 5)).await;
            let confirmed = json!({"status": "CONFIRMED"});
            send_json(&app, Method::PATCH, &format!("/api/reservations/{}", seen[0]), &confirmed).await.ok();
        }
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "a row came twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), before, "a row is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_text_than_a_cursor_is_refused() {
    let app = app_in_step("legacy").await;
    let long = "a".repeat(400);
    for query in [
        [("cursor", "next"), ("limit", "3")],
        [("cursor", long.as_str()), ("limit", "3")],
        [("cursor", "MXwx"), ("page", "2")],
    ] {
        let refused = list(&app, &query).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_FIELD"), "{query:?}");
    }
}
