//! Reading while a view is away: what does not need it goes on.

use crate::told::{app_on, book, form, told};

#[tokio::test(flavor = "multi_thread")]
async fn bookings_are_taken_while_a_view_is_away_and_reads_say_so() {
    let app = app_on("legacy").await;
    let database = app.clinic.database.connect().await.unwrap();
    database.batch_execute("DROP SCHEMA legacy_1 CASCADE").await.unwrap();
    book(&app, &form()).await.ok();
    let refused = told(app.get("/api/public/services").header("accept-language", "en")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "UNAVAILABLE"));
    // Nothing of what happened inside is told.
    let text = refused.json.to_string();
    for hidden in ["legacy_1", "relation", "SELECT", "postgres"] {
        assert!(!text.contains(hidden), "{text}");
    }
    assert_eq!(refused.json["requestId"], refused.header("x-request-id"));
}
