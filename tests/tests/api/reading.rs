//! Bookings continue while a view is unavailable.

use crate::client::{app_on, book, form, send};

#[tokio::test(flavor = "multi_thread")]
async fn bookings_are_accepted_while_a_view_is_unavailable_and_reads_fail_opaquely() {
    let app = app_on("legacy").await;
    let database = app.clinic.database.connect().await.unwrap();
    database.batch_execute("DROP SCHEMA legacy_1 CASCADE").await.unwrap();
    book(&app, &form()).await.ok();
    let refused = send(app.get("/api/public/services").header("accept-language", "en")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "UNAVAILABLE"));
    // The response contains no internal details.
    let text = refused.json.to_string();
    for hidden in ["legacy_1", "relation", "SELECT", "postgres"] {
        assert!(!text.contains(hidden), "{text}");
    }
    assert_eq!(refused.json["requestId"], refused.header("x-request-id"));
}
