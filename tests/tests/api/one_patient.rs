//! One phone number is one patient, however it is written.

use daybook_domain::phone::{Phone, Region};
use daybook_tests::app::App;
use serde_json::json;

use crate::client::{app_in_step, book, form_with, send};

/// Spellings of one number, and a time for a booking under each.
const SPELLINGS: [(&str, &str); 8] = [
    ("010-7711-1234", "09:00"),
    ("1077111234.0", "09:30"),
    ("0082 10 7711 1234", "10:00"),
    ("０１０-7711-1234", "10:30"),
    ("#31#010–7711–1234", "11:00"),
    ("010\u{a0}7711\u{a0}1234 (2)", "14:00"),
    ("10-7711-1234 (엄마)", "15:00"),
    ("\u{200b}\u{202d}010 7711 1234\u{202c}", "16:00"),
];

async fn count(app: &App, phone: &str) -> u64 {
    let credentials = json!({"phone": phone, "birth_date": "1990-01-01"});
    let own = send(app.post("/api/public/reservations/check").json(&credentials)).await.ok();
    own.json["count"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_finds_all_bookings_by_any_spelling_and_is_forgotten_by_any() {
    for model in ["legacy", "dynamic"] {
        let app = app_in_step(model).await;
        for (phone, time) in SPELLINGS {
            let fields = json!({"phone": phone, "service": "OTHER_CONSULTATION", "preferred_time": time});
            book(&app, &form_with(fields)).await.ok();
        }
        for (phone, _) in SPELLINGS {
            assert_eq!(count(&app, phone).await, SPELLINGS.len() as u64, "{model} {phone:?}");
        }
        let database = app.clinic.database.connect().await.unwrap();
        let keys = "SELECT count(DISTINCT subject), count(*) FROM privacy.keys";
        let keys = database.query_one(keys, &[]).await.unwrap();
        assert_eq!((keys.get::<_, i64>(0), keys.get::<_, i64>(1)), (1, 1), "one patient with one key");
        let hidden = r#"SELECT count(*) FROM legacy_1.reservations WHERE phone ~ '[\u200b\u202c\u202d]'"#;
        assert_eq!(database.query_one(hidden, &[]).await.unwrap().get::<_, i64>(0), 0);

        let phone = Phone::parse("82 10 7711 1234").unwrap();
        app.clinic.commands.forget(&phone, daybook_tests::clinic::desk()).await.unwrap();
        app.clinic.wait_for_views().await.unwrap();
        // Lookups of one number are limited, so only some spellings are tried again.
        for (phone, _) in &SPELLINGS[..2] {
            assert_eq!(count(&app, phone).await, 0, "{model} {phone:?}");
        }
    }
}

/// Earlier releases read a tail as part of the number, as these spellings without one are read today.
#[tokio::test(flavor = "multi_thread")]
async fn bookings_that_were_read_with_a_tail_are_found_without_it() {
    let app = app_in_step("legacy").await;
    for (form, time) in [("10771112340", "09:00"), ("010771112342", "09:30")] {
        let fields = json!({"phone": form, "service": "OTHER_CONSULTATION", "preferred_time": time});
        book(&app, &form_with(fields)).await.ok();
    }
    // The zero of a spreadsheet is everybody's tail; the note is found by who writes it again.
    for (phone, found) in [("1077111234.0", 1), ("010-7711-1234", 1), ("010-7711-1234 (2)", 2)] {
        assert_eq!(count(&app, phone).await, found, "{phone}");
    }
    let phone = Phone::parse("010-7711-1234 (2)").unwrap();
    app.clinic.commands.forget(&phone, daybook_tests::clinic::desk()).await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
    assert_eq!(count(&app, "010-7711-1234 (2)").await, 0);
}

/// Earlier releases read what stands before a number along, as these digits are read today.
#[tokio::test(flavor = "multi_thread")]
async fn a_booking_under_a_text_that_is_refused_today_is_found_and_forgotten_by_that_text() {
    let app = app_in_step("legacy").await;
    for (form, time) in [("101077111234", "09:00"), ("01077111234", "09:30")] {
        let fields = json!({"phone": form, "service": "OTHER_CONSULTATION", "preferred_time": time});
        book(&app, &form_with(fields)).await.ok();
    }
    let listed = "1) 010-7711-1234";
    assert_eq!((count(&app, listed).await, count(&app, "010-7711-1234").await), (1, 1));
    let phone = Phone::parse_known_in(Region::default(), listed).unwrap();
    app.clinic.commands.forget(&phone, daybook_tests::clinic::desk()).await.unwrap();
    app.clinic.wait_for_views().await.unwrap();
    assert_eq!((count(&app, listed).await, count(&app, "010-7711-1234").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_number_is_refused() {
    let app = app_in_step("legacy").await;
    for phone in [
        "02-512-4567~8",
        "02-512-4567/8",
        "02-512-4567, 4568",
        "1.077111234E9",
        "5123-4567~8",
        "2123-4567 (2)",
        "1) 010-7711-1234",
        "(1)010-7711-1234",
        "#1 02-512-4567",
        "*67 010-7711-1234",
        "tel:+82%2010-7711-1234",
    ] {
        let fields = json!({"phone": phone, "service": "OTHER_CONSULTATION", "preferred_time": "09:00"});
        assert_eq!(book(&app, &form_with(fields)).await.status, 400, "{phone}");
    }
}
