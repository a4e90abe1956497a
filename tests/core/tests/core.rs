//! The service without the migration crate: bookings, both views, rebuild, verify, routing by percentage and rollback
//! work; stages, import and gates are gone.
//!
//! It must be built by itself: together with the rest of the workspace the program has the migration.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use chrono::{TimeDelta, Utc};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a start, a command or a change may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A start of the service, its address and its data directory.
struct Service {
    process: Child,
    address: String,
    data_dir: tempfile::TempDir,
    client: Client,
}

fn daybook(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daybook-core-tests"));
    command.arg("--data-dir").arg(data_dir).stdin(Stdio::null()).kill_on_drop(true);
    for variable in ["DATABASE_URL", "EVENT_STORE_URL", "DAYBOOK_LISTEN", "DAYBOOK_MASTER_KEY"] {
        command.env_remove(variable);
    }
    command
}

impl Service {
    async fn start() -> anyhow::Result<Self> {
        let data_dir = tempfile::tempdir()?;
        let mut command = daybook(data_dir.path());
        let mut process =
            command.args(["--listen", "127.0.0.1:0", "serve"]).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("no standard output")?).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await??.context("the service ended")?;
        let address = ready.strip_prefix("listening on ").context("no address")?.to_owned();
        Ok(Self { process, address, data_dir, client: Client::new() })
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(timeout(PATIENCE, daybook(self.data_dir.path()).args(arguments).output()).await??)
    }

    /// Runs a command that has to succeed; gives its standard output.
    async fn succeed(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(arguments).await?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(StatusCode, Option<String>, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.address)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let model = response.headers().get("daybook-read-model");
        let model = model.and_then(|model| model.to_str().ok()).map(str::to_owned);
        Ok((response.status(), model, response.json().await?))
    }

    /// Reads a reservation until the expected view answers.
    async fn read_from(&self, path: &str, token: &str, model: &str) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, answered_by, body) = self.request(Method::GET, path, token, None).await?;
            if status == StatusCode::OK && answered_by.as_deref() == Some(model) {
                return Ok(body);
            }
            ensure!(Instant::now() < deadline, "{model}: {status} by {answered_by:?}: {body}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.process.id().context("the service ended")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success());
        ensure!(timeout(PATIENCE, self.process.wait()).await??.success());
        Ok(())
    }
}

/// Books at ten on the first of the coming days on which the clinic is open; gives the reservation's id.
async fn book(service: &Service) -> anyhow::Result<String> {
    for days in 1..8 {
        let date = (Utc::now() + TimeDelta::days(days)).date_naive();
        let form = json!({
            "patient_name": "홍길동", "phone": "010-1234-5678", "email": "hong@example.com",
            "birth_date": "1990-01-01", "gender": "MALE", "treatment_type": "FIRST_VISIT",
            "service": "WRINKLE_BOTOX", "preferred_date": date, "preferred_time": "10:00",
        });
        let (status, _, body) =
            service.request(Method::POST, "/api/public/reservations", "", Some(form)).await?;
        if status.is_success() {
            return Ok(body["reservation"]["id"].as_str().context("no id")?.to_owned());
        }
        ensure!(body["code"] == "NO_CLINIC_HOURS", "{status}: {body}");
    }
    anyhow::bail!("the clinic is closed for a week")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_without_the_migration_books_reads_rebuilds_verifies_routes_and_rolls_back() {
    let service = Service::start().await.unwrap();
    let token = service.succeed(&["token", "--role", "SUPER_ADMIN", "--subject", "core"]).await.unwrap();
    let token = token.trim();

    let id = book(&service).await.unwrap();
    let path = format!("/api/reservations/{id}");

    let by_legacy = service.read_from(&path, token, "legacy").await.unwrap();
    let set = |percent: &'static str| ["reads", "set", "--dynamic", percent, "--reason", "test", "--yes"];
    service.succeed(&set("100")).await.unwrap();
    let by_dynamic = service.read_from(&path, token, "dynamic").await.unwrap();
    let name = |answer: &Value| answer["reservation"]["patientName"].clone();
    assert_eq!((name(&by_legacy), name(&by_dynamic)), (json!("홍길동"), json!("홍길동")));

    service.succeed(&["projection", "rebuild", "all", "--yes"]).await.unwrap();
    service.succeed(&["projection", "verify"]).await.unwrap();
    service.succeed(&set("25")).await.unwrap();
    let shown = service.succeed(&["reads", "show", "--json"]).await.unwrap();
    assert!(shown.contains("25"), "{shown}");
    service.succeed(&["reads", "rollback", "--reason", "test", "--yes"]).await.unwrap();
    service.read_from(&path, token, "legacy").await.unwrap();

    for gone in [&["migrate", "status"][..], &["import", "run"], &["projection", "retire", "legacy"]] {
        assert_eq!(service.run(gone).await.unwrap().status.code(), Some(2), "{gone:?}");
    }
    for gone in ["/api/admin/migration", "/api/admin/migration/plan", "/api/admin/guardrails"] {
        let (status, ..) = service.request(Method::GET, gone, token, None).await.unwrap();
        assert_eq!(status, StatusCode::NOT_FOUND, "{gone}");
    }
    service.stop().await.unwrap();
}
