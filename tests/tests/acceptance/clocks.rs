//! A machine whose clock differs from the database's records nothing. Here the database's clock is changed.

use daybook_tests::process::{Installation, Service};
use tokio_postgres::Client;

use crate::client::{RESERVATIONS, client, form, get, send, wait_until, working_day};

/// Puts a function in front of PostgreSQL's own, for connections from now on.
const CLOCK: &str = "CREATE SCHEMA shifted;
    CREATE TABLE shifted.by (hours integer NOT NULL);
    INSERT INTO shifted.by VALUES (0);
    CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
        'SELECT pg_catalog.clock_timestamp() + make_interval(hours => hours) FROM shifted.by';
    DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET search_path = shifted, pg_catalog, public', current_database());
    END $$;";

async fn shift(database: &Client, hours: i32) {
    database.execute("UPDATE shifted.by SET hours = $1", &[&hours]).await.unwrap();
}

async fn book(service: &Service, patient: usize) -> u16 {
    let form = form(patient, "SKIN_CARE", working_day(patient % 100), "10:00");
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().status
}

/// Books for one patient after the other until the status is this one.
async fn wait_for_bookings(service: &Service, patients: &mut std::ops::RangeFrom<usize>, expected: u16) {
    wait_until("the clock to be measured", async || match book(service, patients.next().unwrap()).await {
        status if status == expected => Ok(()),
        status => Err(status.to_string()),
    })
    .await;
}

async fn events(database: &Client) -> i64 {
    database.query_one("SELECT count(*) FROM event_log.events", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_recorded_while_the_clock_differs_from_the_databases() {
    let clinic = Installation::open().await.unwrap();
    let database = clinic.connect().await.unwrap();
    database.batch_execute(CLOCK).await.unwrap();
    let service = clinic.serve().await.unwrap();
    let mut patients = 1..;
    wait_for_bookings(&service, &mut patients, 200).await;
    for hours in [100, -100] {
        shift(&database, hours).await;
        wait_for_bookings(&service, &mut patients, 503).await;
        let before = events(&database).await;
        let ready = get(&client(), &service, "/readyz").await.unwrap();
        assert_eq!(ready.status, 503, "{}", ready.body);
        for refused in [
            &["reads", "set", "--dynamic", "5", "--reason", "test", "--yes"][..],
            &["reads", "rollback", "--reason", "test", "--yes"],
            &["serve"],
        ] {
            let output = clinic.run(refused).await.unwrap();
            assert_eq!(output.code, Some(1), "{refused:?}: {output:?}");
            assert!(output.stderr.contains("set both by NTP"), "{refused:?}: {}", output.stderr);
        }
        let status = clinic.run(&["status"]).await.unwrap();
        assert!(status.stderr.contains("the clock of this machine is 3"), "{}", status.stderr);
        assert!(status.stdout.contains("legacy"), "{}", status.stdout);
        assert_eq!(events(&database).await, before);
    }
    shift(&database, 0).await;
    wait_for_bookings(&service, &mut patients, 200).await;
}
