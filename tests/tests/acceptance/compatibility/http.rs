//! Every key that the old build answered over HTTP is still answered. More may be added.
//!
//! The recorded list holds the requests: each section is a path that staff or a client reads.

use std::collections::BTreeSet;

use super::key_paths::{self, sections};
use super::{OldClinic, text_of};
use crate::client::{RESERVATIONS, client, form, send, working_day};

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_key_of_every_answer_is_still_answered() {
    let old = OldClinic::load("database").await;
    let service = old.serve().await;
    // The old bookings pass, and patients are shown only those ahead: this is one more of the patient whom the list asks for.
    let form = form(1, "OTHER_CONSULTATION", working_day(30), "09:00");
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    let (client, token) = (client(), text_of("token.txt"));
    let mut missing = Vec::new();
    for section in sections(&text_of("http_keys.txt")) {
        let request = client.get(service.url(&section.title)).bearer_auth(token.trim());
        let answer = send(request).await.unwrap();
        assert_eq!(answer.status, 200, "{}: {}", section.title, answer.body);
        let found: BTreeSet<String> = key_paths::of(&answer.body);
        missing.extend(section.missing(&found));
    }
    assert_eq!(missing, [""; 0], "these are gone");
}
