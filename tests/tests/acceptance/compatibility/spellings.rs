//! A patient whose bookings an old build recorded under several spellings of one number is one person today.
//!
//! Nothing here may look a booking up by its id: a patient has only the number and the date of birth.

use std::path::Path;

use serde_json::json;

use super::OldClinic;
use crate::client::{Response, client, send, wait_until};
use crate::tables::VIEWS;

const DUMP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/old_spellings/database.dump");

/// Spellings of the number, some of them new.
const SPELLINGS: [&str; 5] =
    ["010-7711-0001", "82-10-7711-0001", "0082 10 7711 0001", "０１０-7711-0001", "10-7711-0001"];

/// Bookings under that number, and the keys with which their details are sealed.
const BOOKINGS: usize = 8;
const KEYS: usize = 6;

async fn old_clinic() -> OldClinic {
    let old = OldClinic::empty().await;
    let url = old.0.url_with_application_name("fixture").unwrap();
    daybook_tests::psql::load_dump(&url, Path::new(DUMP), &[]).await.unwrap();
    old
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_finds_and_forgets_what_was_booked_under_any_of_them() {
    let old = old_clinic().await;
    let service = old.serve().await;
    let check = async |phone: &str, birth_date: &str| -> Response {
        let form = json!({"phone": phone, "birth_date": birth_date});
        let request = client().post(service.url("/api/public/reservations/check")).json(&form);
        send(request).await.unwrap().ok()
    };
    for phone in SPELLINGS {
        assert_eq!(check(phone, "1984-02-29").await.body["count"], BOOKINGS, "{phone}");
    }
    assert_eq!(check("010-7711-0002", "1984-02-29").await.body["count"], 1);

    let forgotten = old.json(&["forget", "--phone", "+82 10-7711-0001", "--yes"]).await;
    assert_eq!(forgotten["keys_destroyed"], KEYS, "{forgotten}");
    let database = old.connect().await;
    for view in VIEWS {
        wait_until("the view to forget the patient", async || {
            let left = format!(
                "SELECT count(*) FROM {view}_1.reservations WHERE \"patientName\" = '가온별' OR phone LIKE '%0001'"
            );
            match database.query_one(&left, &[]).await.unwrap().get::<_, i64>(0) {
                0 => Ok(()),
                left => Err(format!("{left} rows in {view}")),
            }
        })
        .await;
    }
    for phone in SPELLINGS {
        assert_eq!(check(phone, "1984-02-29").await.body["count"], 0, "{phone}");
    }
    assert_eq!(check("010-7711-0002", "1984-02-29").await.body["count"], 1, "the other patient stays");
    assert_eq!(old.json(&["forget", "--phone", "010-7711-0001", "--yes"]).await["keys_destroyed"], 0);
}
