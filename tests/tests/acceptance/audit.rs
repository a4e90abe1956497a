//! The audit on the command line: it reports a missing row and repairs it on request.

use daybook_tests::process::Installation;

use crate::client::EXPORT;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_row_is_reported_and_repaired() {
    let clinic = Installation::open().await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let audit = clinic.run(&["projection", "audit", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(audit["agrees"], true, "{audit}");

    let database = clinic.connect().await.unwrap();
    let taken: String = database
        .query_one("DELETE FROM dynamic_1.reservations WHERE id = (SELECT min(id) FROM dynamic_1.reservations) RETURNING id", &[])
        .await
        .unwrap()
        .get(0);
    let output = clinic.run(&["projection", "audit"]).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(
        output.stdout.contains("dynamic_1 has NOT applied") && output.stdout.contains(&taken),
        "{}",
        output.stdout
    );
    assert!(output.stdout.contains("legacy_1 has applied all"), "{}", output.stdout);

    let unattended = clinic.run(&["projection", "audit", "--repair", &taken]).await.unwrap();
    assert_eq!(unattended.code, Some(2), "it must ask for confirmation: {}", unattended.stderr);
    let repaired = clinic
        .run(&["projection", "audit", "--repair", "all", "--yes", "--json"])
        .await
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(
        (&repaired["agrees"], &repaired["repaired"][0]["written"]),
        (&true.into(), &1.into()),
        "{repaired}"
    );
    assert_eq!(repaired["repaired"][0]["rows"][0]["id"], taken);
    let by_id = clinic.run(&["projection", "audit", "legacy_1", "--repair", &taken, "--yes"]).await.unwrap();
    assert!(by_id.stdout.contains("0 rows written") && by_id.code == Some(0), "{}", by_id.stdout);
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    let none = clinic.run(&["projection", "audit", "legacy_7"]).await.unwrap();
    assert!(none.code == Some(1) && none.stderr.contains("does not exist"), "{}", none.stderr);
}
