//! The `daybook` program as a process of its own, over a database or a data dir of its own.
//!
//! Tests talk to it as its users do: by its command line, its output, its signals and HTTP. It must never be ended by
//! name: only by the id of the process that was started here.

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
use tokio::time::timeout;

use self::output::Output;
pub use self::program::program;
pub use self::runner::Runner;
use crate::app::JWT_SECRET;
use crate::clinic::MASTER_KEY;
use crate::postgres::TestDatabase;

/// How long a command, a start or an end may take, at most: the machine may be busy with other tests.
const PROCESS_PATIENCE: Duration = Duration::from_secs(60);

/// What a process inherits of the environment. Everything else of a developer's shell could change what it does.
const INHERITED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "USER", "LANG", "DAYBOOK_POSTGRES_BIN"];

/// Guardrails that do not mind a machine that is busy with other tests: they are for tests that say so.
const GUARDRAILS: &str = "latency-ms=30000";

/// How the line begins by which a service says that it is ready.
const READY: &str = "listening on ";

/// The machine, which the installations of a test process share, or one has for itself: what is measured on a machine
/// that others keep busy says nothing.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// A share of the machine. Fair: who wants all of it waits for those before, and those after wait for it.
#[derive(Debug)]
enum Share {
    Some { _guard: RwLockReadGuard<'static, ()> },
    All { _guard: RwLockWriteGuard<'static, ()> },
}

impl Share {
    async fn some() -> Self {
        Self::Some { _guard: MACHINE.read().await }
    }

    async fn all() -> Self {
        Self::All { _guard: MACHINE.write().await }
    }
}

/// Where an installation keeps its event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// In its database.
    Database,
    /// In a server that speaks EventStoreDB's protocol, in this test process.
    EventStoreDb,
    /// In three of them, of which one leads.
    EventStoreDbCluster,
}

/// Who keeps the event log, where it is not the database.
#[derive(Debug)]
enum LogKeeper {
    Server(LogServer),
    Cluster(Cluster),
}

/// Members of a cluster.
pub const CLUSTER_MEMBERS: usize = 3;

/// A place where `daybook` is run: its data dir, and its database unless it makes one itself.
///
/// A test has one at a time.
#[derive(Debug)]
pub struct Installation {
    database: Option<TestDatabase>,
    log_keeper: Option<LogKeeper>,
    folder: TempDir,
    _share: Share,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ended {
    /// What it printed, as JSON, once it is known to have done what was asked.
    ///
    /// # Errors
    /// When it failed, or printed something else.
    pub fn json(&self) -> anyhow::Result<Value> {
        ensure!(self.code == Some(0), "the command ended with {:?}: {}", self.code, self.stderr);
        serde_json::from_str(&self.stdout).context("reading what the command printed")
    }
}

impl Installation {
    /// One over an empty database of the tests' server.
    ///
    /// # Errors
    /// When there is no PostgreSQL.
    pub async fn open() -> anyhow::Result<Self> {
        Self::over(TestDatabase::empty().await?, Share::some().await)
    }

    /// One over an empty database, with its log where it is wanted.
    ///
    /// # Errors
    /// When there is no PostgreSQL, or no port to listen on.
    pub async fn open_on(log: LogKind) -> anyhow::Result<Self> {
        let options = LogServerOptions::default();
        let log_keeper = match log {
            LogKind::Database => None,
            LogKind::EventStoreDb => Some(LogKeeper::Server(LogServer::start(options).await?)),
            LogKind::EventStoreDbCluster => {
                Some(LogKeeper::Cluster(Cluster::start(CLUSTER_MEMBERS, options).await?))
            }
        };
        Ok(Self { log_keeper, ..Self::open().await? })
    }

    /// The cluster that keeps its log.
    ///
    /// # Errors
    /// When its log is elsewhere.
    pub fn log_cluster(&mut self) -> anyhow::Result<&mut Cluster> {
        match &mut self.log_keeper {
            Some(LogKeeper::Cluster(cluster)) => Ok(cluster),
            Some(LogKeeper::Server(_)) | None => bail!("its log is in no cluster"),
        }
    }

    /// Kills the server of the log and starts it again with its data, at the same address.
    ///
    /// # Errors
    /// When it cannot be started again, or no single server keeps the log.
    pub async fn restart_log_server(&mut self) -> anyhow::Result<()> {
        let Some(LogKeeper::Server(server)) = self.log_keeper.take() else {
            bail!("its log is in no single server")
        };
        let (port, store) = (server.address().port(), server.store().clone());
        server.stop().await;
        let options = LogServerOptions { port, store, ..LogServerOptions::default() };
        self.log_keeper = Some(LogKeeper::Server(LogServer::start(options).await?));
        Ok(())
    }

    /// The same, while no other installation of this test process is there: for a test that measures.
    ///
    /// # Errors
    /// When there is no PostgreSQL.
    pub async fn open_alone() -> anyhow::Result<Self> {
        Self::over(TestDatabase::empty().await?, Share::all().await)
    }

    fn over(database: TestDatabase, share: Share) -> anyhow::Result<Self> {
        Ok(Self { database: Some(database), log_keeper: None, folder: tempfile::tempdir()?, _share: share })
    }

    /// One that names no database, so that `daybook` runs a private PostgreSQL in the data dir.
    ///
    /// # Errors
    /// When no folder can be made.
    pub async fn private() -> anyhow::Result<Self> {
        Ok(Self {
            database: None,
            log_keeper: None,
            folder: tempfile::tempdir()?,
            _share: Share::some().await,
        })
    }

    /// A connection to its database.
    ///
    /// # Errors
    /// When it has none of the tests' server, or that does not let us in.
    pub async fn connect(&self) -> anyhow::Result<tokio_postgres::Client> {
        self.database.as_ref().context("its database is its own")?.connect().await
    }

    /// The program with its settings, not yet started. `settings` are further environment variables.
    ///
    /// # Errors
    /// When the program cannot be built.
    pub async fn command(&self, arguments: &[&str], settings: &[(&str, &str)]) -> anyhow::Result<Command> {
        let mut command = Command::new(program().await?);
        command.env_clear().current_dir(self.folder.path()).args(arguments);
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.env("DAYBOOK_DATA_DIR", self.data_dir()).env("DAYBOOK_LISTEN", "127.0.0.1:0");
        command.env("DAYBOOK_MASTER_KEY", MASTER_KEY).env("DAYBOOK_JWT_SECRET", JWT_SECRET);
        command.env("DAYBOOK_GUARDRAILS", GUARDRAILS);
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.url());
        }
        let log_url = self.log_keeper.as_ref().map(|keeper| match keeper {
            LogKeeper::Server(server) => server.url(),
            LogKeeper::Cluster(cluster) => cluster.url(),
        });
        command.envs(log_url.map(|url| ("EVENT_STORE_URL", url)));
        command.envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, or takes too long.
    pub async fn run(&self, arguments: &[&str]) -> anyhow::Result<Ended> {
        self.run_with(arguments, &[]).await
    }

    /// The same with further environment variables.
    ///
    /// # Errors
    /// As [`Installation::run`].
    pub async fn run_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> anyhow::Result<Ended> {
        let mut command = self.command(arguments, settings).await?;
        let ended = timeout(PROCESS_PATIENCE, command.output()).await;
        let output = ended.with_context(|| format!("`daybook {}` takes too long", arguments.join(" ")))??;
        Ok(Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When it ends before, or takes too long; with what it wrote.
    pub async fn serve(&self) -> anyhow::Result<Service> {
        self.serve_with(&[]).await
    }

    /// The same with further environment variables.
    ///
    /// # Errors
    /// As [`Installation::serve`].
    pub async fn serve_with(&self, settings: &[(&str, &str)]) -> anyhow::Result<Service> {
        let child = self.command(&["serve"], settings).await?.spawn().context("starting `daybook serve`")?;
        Service::ready(child).await
    }

    /// A `DATABASE_URL` under which a process's connections carry a name in PostgreSQL.
    ///
    /// # Errors
    /// When it has no database of the tests' server.
    pub fn url_named(&self, name: &str) -> anyhow::Result<String> {
        let url = self.database.as_ref().context("its database is its own")?.url();
        let mark = if url.contains('?') { '&' } else { '?' };
        Ok(format!("{url}{mark}application_name={name}"))
    }

    /// A connection string of its database for another role.
    ///
    /// # Errors
    /// When it has no database of the tests' server.
    pub fn url_as(&self, role: &str) -> anyhow::Result<String> {
        Ok(self.database.as_ref().context("its database is its own")?.url_as(role))
    }

    /// Its data dir. The program makes it when it first needs it.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// A service that runs. It is killed with this value.
#[derive(Debug)]
pub struct Service {
    child: Child,
    output: Output,
    address: String,
}

impl Service {
    async fn ready(mut child: Child) -> anyhow::Result<Self> {
        let output = Output::collect(&mut child)?;
        let said = output.first_line(PROCESS_PATIENCE).await;
        let line = said.with_context(|| format!("`daybook serve` was not ready: {}", output.text()))?;
        let url = line.strip_prefix(READY).with_context(|| format!("the first line is `{line}`"))?;
        let address =
            url.strip_prefix("http://").context("it listens on something else than HTTP")?.to_owned();
        Ok(Self { child, output, address })
    }

    /// Its process id; none once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Host and port at which it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that it wrote so far, to standard output and standard error.
    #[must_use]
    pub fn written(&self) -> String {
        self.output.text()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().context("the service has ended")?;
        Ok(kill(Pid::from_raw(id.try_into()?), signal)?)
    }

    /// Waits until it has ended, and until all that it wrote is there.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        let status =
            timeout(PROCESS_PATIENCE, self.child.wait()).await.context("the service does not end")??;
        self.output.complete(PROCESS_PATIENCE).await?;
        Ok(status)
    }

    /// Ends it as `kill -9` does: it cannot do anything about it.
    ///
    /// # Errors
    /// When it has ended before.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.ended().await.map(drop)
    }
}
