//! Runs the `daybook` program as a process, over its own database or data dir.
//!
//! Tests use it as its users do: through its command line, output, signals and HTTP. A process must never be killed by
//! name, only by the id of the process that was started here.

mod output;
mod program;
mod runner;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use daybook_log_server::{Cluster, Options as LogServerOptions, Server as LogServer};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::{Instant, sleep, timeout};

use self::output::Output;
pub use self::program::program;
pub use self::runner::Runner;
use crate::app::{JWT_SECRET, METRICS_TOKEN};
use crate::clinic::MASTER_KEY;
use crate::postgres::TestDatabase;

/// The time limit for a command, a start or a stop. The machine may be busy with other tests.
const PROCESS_PATIENCE: Duration = Duration::from_secs(60);

/// How long a restarted log server may wait for its port.
const PORT_PATIENCE: Duration = Duration::from_secs(20);
const PORT_PAUSE: Duration = Duration::from_millis(50);

/// The environment variables that a process inherits. Others from a developer's shell could change its behaviour.
const INHERITED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "USER", "LANG", "DAYBOOK_POSTGRES_BIN"];

/// Guardrails that tolerate a machine that is busy with other tests. Tests that need strict ones set their own.
const GUARDRAILS: &str = "latency-ms=30000";

/// Tests book as often as they like. Those of the bounds have the defaults, which an empty value stands for.
const NO_BOUNDS: &str = "patient=0,network=0,all=0,number=0,overlap=yes";

/// How long a request may wait for others. Only tests of overload have shed requests, however busy the machine is.
const MAX_QUEUE_WAIT: &str = "30s";

/// How the line starts that a service writes when it is ready.
const READY: &str = "listening on ";

/// Grants the machine to all installations of a test process together, or to one alone: measurements on a busy machine
/// mean nothing.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// A share of the machine. The lock is fair: an exclusive request waits for earlier ones, and later ones wait for it.
#[derive(Debug)]
enum MachineLock {
    Some { _guard: RwLockReadGuard<'static, ()> },
    All { _guard: RwLockWriteGuard<'static, ()> },
}

impl MachineLock {
    async fn shared() -> Self {
        Self::Some { _guard: MACHINE.read().await }
    }

    async fn exclusive() -> Self {
        Self::All { _guard: MACHINE.write().await }
    }
}

/// Where an installation keeps its event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// In the installation's database.
    Database,
    /// In a server of EventStoreDB's protocol in this test process.
    EventStoreDb,
    /// In a cluster of three such servers.
    EventStoreDbCluster,
}

/// The servers of an event log that is not in the database.
#[derive(Debug)]
enum LogHost {
    Server(LogServer),
    Cluster(Cluster),
}

/// Number of members of a cluster.
pub const CLUSTER_MEMBERS: usize = 3;

/// A place to run `daybook`: a data dir, and a database unless `daybook` creates one itself.
///
/// A test uses one at a time.
#[derive(Debug)]
pub struct Installation {
    database: Option<TestDatabase>,
    log_host: Option<LogHost>,
    folder: TempDir,
    _lock: MachineLock,
}

/// The result of a finished command.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit code; `None` if a signal ended the process.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Parses standard output as JSON.
    ///
    /// # Errors
    /// If the command failed or the output is not JSON.
    pub fn json(&self) -> anyhow::Result<Value> {
        ensure!(self.code == Some(0), "the command exited with {:?}: {}", self.code, self.stderr);
        serde_json::from_str(&self.stdout).context("parsing the output of the command")
    }
}

impl Installation {
    /// Opens an installation with an empty database on the tests' server.
    ///
    /// # Errors
    /// If there is no PostgreSQL.
    pub async fn open() -> anyhow::Result<Self> {
        Self::new(TestDatabase::empty().await?, MachineLock::shared().await)
    }

    /// Opens an installation with an empty database and the given kind of log.
    ///
    /// # Errors
    /// If there is no PostgreSQL, or no free port.
    pub async fn open_on(log: LogKind) -> anyhow::Result<Self> {
        let options = LogServerOptions::default();
        let log_host = match log {
            LogKind::Database => None,
            LogKind::EventStoreDb => Some(LogHost::Server(LogServer::start(options).await?)),
            LogKind::EventStoreDbCluster => {
                Some(LogHost::Cluster(Cluster::start(CLUSTER_MEMBERS, options).await?))
            }
        };
        Ok(Self { log_host, ..Self::open().await? })
    }

    /// The cluster of its log.
    ///
    /// # Errors
    /// If its log is not on a cluster.
    pub fn log_cluster(&mut self) -> anyhow::Result<&mut Cluster> {
        match &mut self.log_host {
            Some(LogHost::Cluster(cluster)) => Ok(cluster),
            Some(LogHost::Server(_)) | None => bail!("its log is not on a cluster"),
        }
    }

    /// Kills the log's server and starts it again with its data, at the same address.
    ///
    /// # Errors
    /// If it cannot be started, or the log is not on a single server.
    pub async fn restart_log_server(&mut self) -> anyhow::Result<()> {
        let Some(LogHost::Server(server)) = self.log_host.take() else {
            bail!("its log is not on a single server")
        };
        let (port, store) = (server.address().port(), server.store().clone());
        server.stop().await;
        // A connection of another test may have taken the port for a moment.
        let deadline = Instant::now() + PORT_PATIENCE;
        let server = loop {
            let options = LogServerOptions { port, store: store.clone(), ..LogServerOptions::default() };
            match LogServer::start(options).await {
                Err(_) if Instant::now() < deadline => sleep(PORT_PAUSE).await,
                started => break started?,
            }
        };
        self.log_host = Some(LogHost::Server(server));
        Ok(())
    }

    /// Like [`Installation::open`], but no other installation of this test process exists meanwhile: for measurements.
    ///
    /// # Errors
    /// If there is no PostgreSQL.
    pub async fn open_alone() -> anyhow::Result<Self> {
        Self::new(TestDatabase::empty().await?, MachineLock::exclusive().await)
    }

    fn new(database: TestDatabase, lock: MachineLock) -> anyhow::Result<Self> {
        Ok(Self { database: Some(database), log_host: None, folder: tempfile::tempdir()?, _lock: lock })
    }

    /// Opens an installation without a database, so that `daybook` runs a private PostgreSQL in the data dir.
    ///
    /// # Errors
    /// If the folder cannot be created.
    pub async fn private() -> anyhow::Result<Self> {
        Ok(Self {
            database: None,
            log_host: None,
            folder: tempfile::tempdir()?,
            _lock: MachineLock::shared().await,
        })
    }

    /// Connects to its database.
    ///
    /// # Errors
    /// If its database is not on the tests' server, or the server refuses the connection.
    pub async fn connect(&self) -> anyhow::Result<tokio_postgres::Client> {
        self.database.as_ref().context("its database is not on the tests' server")?.connect().await
    }

    /// The program with its settings, not yet started. `settings` are additional environment variables.
    ///
    /// # Errors
    /// If the program cannot be built.
    pub async fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> anyhow::Result<Command> {
        let mut command = Command::new(program().await?);
        command.env_clear().current_dir(self.folder.path()).args(arguments);
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("DAYBOOK_DATA_DIR", self.data_dir()).env("DAYBOOK_LISTEN", "127.0.0.1:0");
        command.env("DAYBOOK_MASTER_KEY", MASTER_KEY).env("DAYBOOK_JWT_SECRET", JWT_SECRET);
        command.env("DAYBOOK_METRICS_TOKEN", METRICS_TOKEN);
        command.env("DAYBOOK_GUARDRAILS", GUARDRAILS).env("DAYBOOK_BOOKING_BOUNDS", NO_BOUNDS);
        command.env("DAYBOOK_MAX_QUEUE_WAIT", MAX_QUEUE_WAIT);
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        let log_url = self.log_host.as_ref().map(|host| match host {
            LogHost::Server(server) => server.url(),
            LogHost::Cluster(cluster) => cluster.url(),
        });
        command.envs(log_url.map(|url| ("EVENT_STORE_URL", url)));
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// If it cannot be started or exceeds the time limit.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<CommandOutput> {
        self.run_with(arguments, &[]).await
    }

    /// Like [`Installation::run`], with additional environment variables.
    ///
    /// # Errors
    /// As [`Installation::run`].
    pub async fn run_with(
        &self,
        arguments: &[&str],
        settings: &[(&str, &str)],
    ) -> anyhow::Result<CommandOutput> {
        let mut command = self.command(arguments, settings).await?;
        let ended = timeout(PROCESS_PATIENCE, command.output()).await;
        let output =
            ended.with_context(|| format!("`daybook {}` exceeds the time limit", arguments.join(" ")))??;
        Ok(CommandOutput {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// If it exits first or exceeds the time limit. The error contains its output.
    pub async fn serve(&self) -> anyhow::Result<Service> {
        self.serve_with(&[]).await
    }

    /// Like [`Installation::serve`], with additional environment variables.
    ///
    /// # Errors
    /// As [`Installation::serve`].
    pub async fn serve_with(&self, settings: &[(&str, &str)]) -> anyhow::Result<Service> {
        let child = self.command(&["serve"], settings).await?.spawn().context("starting `daybook serve`")?;
        Service::ready(child).await
    }

    /// Like [`Installation::serve_with`], in a process that may open this many files and cannot raise that.
    ///
    /// # Errors
    /// As [`Installation::serve`].
    pub async fn serve_with_descriptors(
        &self,
        descriptors: usize,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Service> {
        let command = self.command(&["serve"], settings).await?;
        let command = command.as_std();
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg(format!("ulimit -n {descriptors} && exec \"$0\" serve"))
            .arg(command.get_program());
        shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.current_dir(self.folder.path()).kill_on_drop(true);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Service::ready(shell.spawn().context("starting `daybook serve`")?).await
    }

    /// A `DATABASE_URL` that sets the application name of a process's connections.
    ///
    /// # Errors
    /// If its database is not on the tests' server.
    pub fn url_with_application_name(&self, name: &str) -> anyhow::Result<String> {
        let url = self.database.as_ref().context("its database is not on the tests' server")?.url();
        let mark = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{mark}application_name={name}"))
    }

    /// A connection string to its database for another role.
    ///
    /// # Errors
    /// If its database is not on the tests' server.
    pub fn url_as(&self, role: &str) -> anyhow::Result<String> {
        Ok(self.database.as_ref().context("its database is not on the tests' server")?.url_as(role))
    }

    /// Its data dir. The program creates it when needed.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// A running service. Dropping this value kills it.
#[derive(Debug)]
pub struct Service {
    child: Child,
    output: Output,
    address: String,
}

impl Service {
    async fn ready(mut child: Child) -> anyhow::Result<Self> {
        let output = Output::collect(&mut child)?;
        let first_line = output.first_line(PROCESS_PATIENCE).await;
        let line = first_line.with_context(|| format!("`daybook serve` was not ready: {}", output.text()))?;
        let url = line.strip_prefix(READY).with_context(|| format!("the first line is `{line}`"))?;
        let address = url.strip_prefix("http://").context("the line contains no HTTP address")?.to_owned();
        Ok(Self { child, output, address })
    }

    /// The process id; `None` once it has exited.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The host and port at which it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its metrics.
    ///
    /// # Errors
    /// If it does not answer with them.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let request = reqwest::Client::new().get(self.url("/metrics")).bearer_auth(METRICS_TOKEN);
        Ok(request.send().await?.error_for_status()?.text().await?)
    }

    /// Its standard output and standard error so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it has exited.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().context("the service has already exited")?;
        Ok(kill(Pid::from_raw(id.try_into()?), signal)?)
    }

    /// Waits until it has exited and all its output has been read.
    ///
    /// # Errors
    /// If it exceeds the time limit.
    pub async fn wait_for_exit(&mut self) -> anyhow::Result<ExitStatus> {
        let status =
            timeout(PROCESS_PATIENCE, self.child.wait()).await.context("the service does not exit")??;
        self.output.complete(PROCESS_PATIENCE).await?;
        Ok(status)
    }

    /// Kills it with SIGKILL, like `kill -9`.
    ///
    /// # Errors
    /// If it has already exited.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait_for_exit().await.map(drop)
    }
}
