//! A view that PostgreSQL refuses to write never stops the other one, parks nothing, and catches up once it can be written.

use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_projections::{Engine, Epoch, GenerationStatus, Process, ViewError, generation, leader, verify};
use daybook_tests::clinic::{Clinic, PATIENCE};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_postgres::Client;

use super::damage::*;
use crate::history::{TestRng, run_random_steps};

/// How soon the other view has to show a booking, and a view that cannot be written has to be named.
const SOON: Duration = Duration::from_secs(2);

/// A way to break the view in a schema, how to mend it, and the SQLSTATE of the failure; none if there may be several.
struct Breakage {
    broken: &'static str,
    mended: &'static str,
    sqlstate: Option<&'static str>,
}

const BREAKAGES: [Breakage; 13] = [
    Breakage {
        broken: "ALTER TABLE {s}.reservations RENAME TO away",
        mended: "ALTER TABLE {s}.away RENAME TO reservations",
        sqlstate: Some("42P01"),
    },
    Breakage {
        broken: "ALTER TABLE {s}.day_digests RENAME TO away",
        mended: "ALTER TABLE {s}.away RENAME TO day_digests",
        sqlstate: Some("42P01"),
    },
    Breakage {
        broken: "ALTER SCHEMA {s} RENAME TO away",
        mended: "ALTER SCHEMA away RENAME TO {s}",
        sqlstate: Some("42P01"),
    },
    Breakage {
        broken: r#"ALTER TABLE {s}.reservations RENAME "patientName" TO away"#,
        mended: r#"ALTER TABLE {s}.reservations RENAME away TO "patientName""#,
        sqlstate: Some("42703"),
    },
    // Its values are refused as an event's would be.
    Breakage {
        broken: "ALTER TABLE {s}.reservations ADD kept integer; UPDATE {s}.reservations SET kept = version;
                 ALTER TABLE {s}.reservations ALTER version TYPE uuid USING gen_random_uuid()",
        mended: "ALTER TABLE {s}.reservations ALTER version TYPE integer USING kept;
                 ALTER TABLE {s}.reservations DROP kept",
        sqlstate: Some("22P02"),
    },
    // A statement that was prepared before is refused; with a new one, the value is not even sent.
    Breakage {
        broken: "ALTER TABLE {s}.day_digests ALTER date TYPE text",
        mended: "ALTER TABLE {s}.day_digests ALTER date TYPE date USING date::date",
        sqlstate: None,
    },
    Breakage {
        broken: "ALTER TABLE {s}.reservations ADD CONSTRAINT closed CHECK (false) NOT VALID",
        mended: "ALTER TABLE {s}.reservations DROP CONSTRAINT closed",
        sqlstate: Some("23514"),
    },
    Breakage {
        broken: "ALTER TABLE {s}.reservations ADD extra integer NOT NULL DEFAULT 0;
                 ALTER TABLE {s}.reservations ALTER extra DROP DEFAULT",
        mended: "ALTER TABLE {s}.reservations DROP extra",
        sqlstate: Some("23502"),
    },
    Breakage {
        broken: "ALTER TABLE {s}.reservations DROP CONSTRAINT reservations_pkey",
        mended: "ALTER TABLE {s}.reservations ADD PRIMARY KEY (id)",
        sqlstate: Some("42P10"),
    },
    Breakage { broken: REFUSING, mended: "DROP FUNCTION {s}.refuse CASCADE", sqlstate: Some("P0001") },
    Breakage { broken: REFUSING_VALUES, mended: "DROP FUNCTION {s}.refuse CASCADE", sqlstate: Some("23000") },
    Breakage {
        broken: REFUSING_COMMITS,
        mended: "DROP FUNCTION {s}.refuse CASCADE",
        sqlstate: Some("XX002"),
    },
    Breakage {
        broken: "CREATE RULE refuse AS ON INSERT TO {s}.reservations DO INSTEAD SELECT 1",
        mended: "DROP RULE refuse ON {s}.reservations",
        sqlstate: Some("0A000"),
    },
];

const UNPUBLISHED: &str = "DROP SCHEMA legacy, dynamic, runbook CASCADE; CREATE SCHEMA runbook";

const REFUSING: &str = "
    CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not %', NEW.phone; END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {s}.reservations
        FOR EACH ROW EXECUTE FUNCTION {s}.refuse()";
const REFUSING_VALUES: &str = "
    CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not %', NEW.phone USING ERRCODE = '23000'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON {s}.reservations FOR EACH ROW EXECUTE FUNCTION {s}.refuse()";
const REFUSING_COMMITS: &str = "
    CREATE FUNCTION {s}.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not %', NEW.phone USING ERRCODE = 'XX002'; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON {s}.reservations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION {s}.refuse()";

async fn execute(client: &Client, sql: &str, model: ReadModel) {
    client.batch_execute(&sql.replace("{s}", &format!("{model}_1"))).await.unwrap();
}

async fn status(clinic: &Clinic, model: ReadModel) -> GenerationStatus {
    let live = generation::live(&clinic.pool.get().await.unwrap()).await.unwrap();
    live.into_iter().find(|status| status.generation.model == model).unwrap()
}

/// Waits until a live view meets a condition.
async fn until(
    clinic: &Clinic,
    model: ReadModel,
    patience: Duration,
    condition: impl Fn(&GenerationStatus) -> bool,
) -> GenerationStatus {
    let deadline = Instant::now() + patience;
    loop {
        let status = status(clinic, model).await;
        if condition(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn reach(clinic: &Clinic, model: ReadModel, position: Position) {
    until(clinic, model, SOON, |status| status.position >= position).await;
}

async fn epoch(clinic: &Clinic) -> Epoch {
    leader::current(&clinic.pool.get().await.unwrap()).await.unwrap().unwrap().epoch
}

/// The other view.
fn other(model: ReadModel) -> ReadModel {
    if model == ReadModel::Legacy { ReadModel::Dynamic } else { ReadModel::Legacy }
}

/// Both views hold the whole log, nothing is parked, and they are equal to one another and to a rebuild.
async fn assert_whole(clinic: &Clinic) {
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(clinic).await, []);
    let verdict = verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    assert_as_rebuilt(clinic).await;
}

/// Breaks a view, books, and checks that the other view shows it at once and that the broken one is named with the cause.
async fn assert_stands_alone(clinic: &Clinic, broken: ReadModel, patient: u32, sqlstate: Option<&str>) {
    let booked = book(clinic, patient, None).await;
    let head = clinic.log.head().await.unwrap();
    reach(clinic, other(broken), head).await;
    assert!(ids(clinic, other(broken)).await.contains(booked.as_str()));
    let failing = until(clinic, broken, SOON, |status| status.write_failure.is_some()).await;
    let failure = failing.write_failure.unwrap();
    assert!(failing.position < head);
    assert!(sqlstate.is_none() || failure.sqlstate.as_deref() == sqlstate, "{failure:?}");
    assert!(!failure.cause.contains("010") && !failure.cause.contains("홍길"), "{failure:?}");
    assert_eq!(status(clinic, other(broken)).await.write_failure.map(|failure| failure.cause), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_cannot_be_written_stops_only_itself_and_catches_up() {
    for model in ReadModel::ALL {
        let clinic = idle_clinic().await;
        let engine = RunningEngine::start(&clinic, "first");
        let client = clinic.database.connect().await.unwrap();
        // The views for people would keep the tables from being altered.
        client.batch_execute(UNPUBLISHED).await.unwrap();
        book(&clinic, 0, None).await;
        clinic.wait_for_views().await.unwrap();
        let first = epoch(&clinic).await;
        for (breakage, patient) in BREAKAGES.iter().zip((1..).step_by(3)) {
            execute(&client, breakage.broken, model).await;
            assert_stands_alone(&clinic, model, patient, breakage.sqlstate).await;
            let second = book(&clinic, patient + 1, None).await;
            change(&clinic, patient + 1, &second, daybook_commands::ReservationChange::Confirm).await;
            reach(&clinic, other(model), clinic.log.head().await.unwrap()).await;
            execute(&client, breakage.mended, model).await;
            clinic.wait_for_views().await.unwrap();
            book(&clinic, patient + 2, None).await;
            clinic.wait_for_views().await.unwrap();
            assert_eq!(parked(&clinic).await, [], "{}", breakage.broken);
            assert!(status(&clinic, model).await.write_failure.is_none());
        }
        assert_eq!(epoch(&clinic).await, first, "the leader stays");
        assert_whole(&clinic).await;
        engine.stop().await;
    }
}

/// Long enough for a search for an event that could be the cause.
const SEARCHED: Duration = Duration::from_secs(7);

/// As long as a view has no rows that it could write again, too.
#[tokio::test(flavor = "multi_thread")]
async fn however_long_a_view_refuses_every_event_none_is_parked() {
    let clinic = idle_clinic().await;
    let engine = RunningEngine::start(&clinic, "first");
    let client = clinic.database.connect().await.unwrap();
    let refusing = "ALTER TABLE {s}.reservations ADD CONSTRAINT closed CHECK (false)";
    execute(&client, refusing, ReadModel::Dynamic).await;
    execute(&client, REFUSING, ReadModel::Legacy).await;
    for patient in 0..20 {
        book(&clinic, patient, None).await;
    }
    for model in ReadModel::ALL {
        until(&clinic, model, PATIENCE, |status| {
            status.write_failure.as_ref().is_some_and(|failure| failure.seconds > SEARCHED.as_secs_f64())
        })
        .await;
    }
    assert_eq!(parked(&clinic).await, []);
    execute(&client, "ALTER TABLE {s}.reservations DROP CONSTRAINT closed", ReadModel::Dynamic).await;
    let head = clinic.log.head().await.unwrap();
    until(&clinic, ReadModel::Dynamic, PATIENCE, |status| status.position >= head).await;
    assert!(status(&clinic, ReadModel::Legacy).await.position < head);
    execute(&client, "DROP FUNCTION {s}.refuse CASCADE", ReadModel::Legacy).await;
    assert_whole(&clinic).await;
    engine.stop().await;
}

/// Another process starts with the broken view, and after its restart the view has a long way to go.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_was_broken_over_restarts_catches_up_beside_the_other_one() {
    let clinic = idle_clinic().await;
    let client = clinic.database.connect().await.unwrap();
    let engine = RunningEngine::start(&clinic, "first");
    book(&clinic, 0, None).await;
    clinic.wait_for_views().await.unwrap();
    execute(&client, "ALTER TABLE {s}.services RENAME TO away", ReadModel::Dynamic).await;
    execute(&client, REFUSING, ReadModel::Dynamic).await;
    assert_stands_alone(&clinic, ReadModel::Dynamic, 1, Some("P0001")).await;
    let since = status(&clinic, ReadModel::Dynamic).await.write_failure.unwrap().since;
    engine.stop().await;
    run_random_steps(&clinic, &mut TestRng::new(118), 300).await;
    let engine = RunningEngine::start(&clinic, "second");
    let head = clinic.log.head().await.unwrap();
    until(&clinic, ReadModel::Legacy, PATIENCE, |status| status.position >= head).await;
    let failing = status(&clinic, ReadModel::Dynamic).await.write_failure.unwrap();
    assert_eq!(failing.since, since, "{failing:?}");
    execute(&client, "ALTER TABLE {s}.away RENAME TO services", ReadModel::Dynamic).await;
    execute(&client, "DROP FUNCTION {s}.refuse CASCADE", ReadModel::Dynamic).await;
    for patient in 200..220 {
        book(&clinic, patient, None).await;
        reach(&clinic, ReadModel::Legacy, clinic.log.head().await.unwrap()).await;
    }
    assert_whole(&clinic).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_replaces_a_view_that_cannot_be_written() {
    let clinic = idle_clinic().await;
    let client = clinic.database.connect().await.unwrap();
    let engine = RunningEngine::start(&clinic, "first");
    book(&clinic, 0, None).await;
    clinic.wait_for_views().await.unwrap();
    for model in ReadModel::ALL {
        execute(&client, REFUSING, model).await;
    }
    for patient in 1..5 {
        book(&clinic, patient, None).await;
    }
    until(&clinic, ReadModel::Legacy, SOON, |status| status.write_failure.is_some()).await;
    until(&clinic, ReadModel::Dynamic, PATIENCE, |status| status.lasting_failure().is_some()).await;
    let compared = verify(&*clinic.log, &clinic.vault, &clinic.pool).await;
    assert!(matches!(compared, Err(ViewError::NotWritable { .. })), "{compared:?}");
    let rebuild = clinic.rebuild().with_last_readers(Duration::ZERO);
    let first = rebuild.run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    assert!(!first.compared, "{first:?}");
    book(&clinic, 6, None).await;
    let head = clinic.log.head().await.unwrap();
    until(&clinic, ReadModel::Dynamic, PATIENCE, |status| status.position >= head).await;
    assert!(rebuild.run(&[ReadModel::Legacy], &|_| {}).await.unwrap().compared);
    let left: Vec<String> = generation::list(&clinic.pool.get().await.unwrap())
        .await
        .unwrap()
        .iter()
        .map(|status| status.generation.to_string())
        .collect();
    assert_eq!(left, ["dynamic_2", "legacy_2"], "what lacks events is dropped");
    assert_whole(&clinic).await;
    engine.stop().await;
}

/// A lock is no failure of an event, however long it lasts, and neither is one on the checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_delays_only_its_own_view() {
    let clinic = idle_clinic().await;
    let engine = RunningEngine::start(&clinic, "first");
    let booked = book(&clinic, 0, None).await;
    clinic.wait_for_views().await.unwrap();
    let first = epoch(&clinic).await;
    let mut client = clinic.database.connect().await.unwrap();
    for locked in [
        "LOCK dynamic_1.reservations IN ACCESS EXCLUSIVE MODE",
        "SELECT FROM dynamic_1.reservations FOR UPDATE",
    ] {
        let holder = client.transaction().await.unwrap();
        holder.batch_execute(locked).await.unwrap();
        let note = daybook_commands::ReservationChange::WriteAdminNote(locked.to_owned());
        change(&clinic, 0, &booked, note).await;
        let head = clinic.log.head().await.unwrap();
        reach(&clinic, ReadModel::Legacy, head).await;
        let is_searched = |status: &GenerationStatus| {
            let failure = status.write_failure.as_ref();
            failure.is_some_and(|failure| failure.seconds > SEARCHED.as_secs_f64())
        };
        let failing = until(&clinic, ReadModel::Dynamic, PATIENCE, is_searched).await;
        assert_eq!(failing.write_failure.unwrap().sqlstate.as_deref(), Some("55P03"));
        holder.rollback().await.unwrap();
        clinic.wait_for_views().await.unwrap();
    }
    let holder = client.transaction().await.unwrap();
    holder.batch_execute("SELECT FROM control.checkpoints FOR UPDATE").await.unwrap();
    book(&clinic, 1, None).await;
    tokio::time::sleep(SOON).await;
    holder.rollback().await.unwrap();
    assert_whole(&clinic).await;
    assert_eq!(epoch(&clinic).await, first, "the leader stays");
    engine.stop().await;
}

/// An engine whose role is not a superuser's, which permissions do not concern.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_whose_permissions_were_revoked_stops_only_itself() {
    let clinic = idle_clinic().await;
    let client = clinic.database.connect().await.unwrap();
    let role = format!("writer_{}", uuid::Uuid::now_v7().simple());
    let owned = format!(
        "CREATE ROLE {role} LOGIN;
         GRANT USAGE ON SCHEMA control, privacy, legacy_1, dynamic_1 TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA control, privacy, legacy_1, dynamic_1 TO {role}"
    );
    client.batch_execute(&owned).await.unwrap();
    let config = clinic.database.url_as(&role).parse().unwrap();
    let pool = create_pool(&config, PoolSize(4)).unwrap();
    let process = Process { host: "first".to_owned(), pid: 1 };
    let engine = Engine::new(clinic.log.clone(), fresh_vault(clinic.pool.clone()), pool.clone(), process);
    let stop = watch::Sender::new(false);
    let running = tokio::spawn(engine.run(stop.subscribe()));
    book(&clinic, 0, None).await;
    clinic.wait_for_views().await.unwrap();
    for (patient, (broken, mended)) in (1..).zip([
        ("REVOKE INSERT ON dynamic_1.reservations FROM {r}", "GRANT INSERT ON dynamic_1.reservations TO {r}"),
        ("REVOKE USAGE ON SCHEMA dynamic_1 FROM {r}", "GRANT USAGE ON SCHEMA dynamic_1 TO {r}"),
        (
            "ALTER TABLE dynamic_1.reservations ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE dynamic_1.reservations DISABLE ROW LEVEL SECURITY",
        ),
    ]) {
        client.batch_execute(&broken.replace("{r}", &role)).await.unwrap();
        assert_stands_alone(&clinic, ReadModel::Dynamic, patient, Some("42501")).await;
        client.batch_execute(&mended.replace("{r}", &role)).await.unwrap();
        clinic.wait_for_views().await.unwrap();
    }
    stop.send_replace(true);
    running.await.unwrap();
    pool.close();
    assert_whole(&clinic).await;
    client.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}
