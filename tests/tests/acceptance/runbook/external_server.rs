//! A server where Daybook's role may not create roles: Daybook prints the statements for an administrator, works
//! without the role, and grants the privileges once it exists.

use daybook_private_postgres::PrivatePostgres;
use daybook_tests::process::{Installation, Service};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

use crate::client::wait_until;

/// A separate server, whose roles no other test creates.
async fn server() -> (TempDir, PrivatePostgres) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().to_owned();
    let start = move || PrivatePostgres::start(&data_dir).unwrap();
    (folder, tokio::task::spawn_blocking(start).await.unwrap())
}

async fn connect(server: &PrivatePostgres, user: &str, database: &str) -> Client {
    let mut config: Config = server.config();
    config.user(user).dbname(database);
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Starts the service and waits until it is ready.
async fn serve(clinic: &Installation, url: &str) -> Service {
    clinic.serve_with(&[("DATABASE_URL", url), ("NO_COLOR", "1")]).await.unwrap()
}

/// The statements that an administrator has to run, from the output.
fn administrator_statements(service: &Service) -> Option<String> {
    let output = service.output();
    let line =
        output.lines().find(|line| line.contains("an administrator of the database can make the role"))?;
    let (_, statements) = line.split_once("run=\"")?;
    Some(statements.split_once('"')?.0.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_createrole_is_given_the_statements_for_an_administrator() {
    let (_folder, server) = server().await;
    let owner = connect(&server, "daybook", "postgres").await;
    owner.batch_execute("CREATE ROLE plain LOGIN").await.unwrap();
    owner.batch_execute("CREATE DATABASE clinic OWNER plain").await.unwrap();
    let url = server.url().replace("//daybook@", "//plain@").replace("/daybook", "/clinic");
    let clinic = Installation::private().await.unwrap();

    let mut service = serve(&clinic, &url).await;
    let statements = administrator_statements(&service).expect("no statements for an administrator");
    assert!(statements.starts_with("CREATE ROLE daybook_runbook LOGIN; ALTER ROLE "), "{statements}");
    let plain = connect(&server, "plain", "clinic").await;
    plain.query("SELECT * FROM runbook.reservations", &[]).await.unwrap();
    service.kill().await.unwrap();

    owner.batch_execute(&statements).await.unwrap();
    let mut service = serve(&clinic, &url).await;
    wait_until("the role to be able to read", async || {
        let reader = connect(&server, "daybook_runbook", "clinic").await;
        reader
            .query("SELECT COUNT(service) FROM reservations", &[])
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(administrator_statements(&service), None, "no statements must be left to run");
    service.kill().await.unwrap();
    drop((owner, plain));
    tokio::task::spawn_blocking(move || server.stop()).await.unwrap().unwrap();
}
