//! The other libraries: where their programs are, how to run them, and how to parse their output.
//!
//! Each has its own database on the same server, filled once. The time must never include the start of a process or the
//! loading of events: a program measures its own rebuild.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use super::plain_history::PlainHistory;
use super::report_progress;
use super::rows::Rows;
use crate::postgres::TestDatabase;

/// The folder of the programs.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/peers");

/// The time limit for one load or one rebuild.
const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    CqrsEs,
    Emmett,
}

/// One way to run a library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contestant {
    /// The name in the table.
    pub(super) name: &'static str,
    library: Library,
    /// Uses all performance options of the library, and does not wait for commits to reach the disk.
    tuned: bool,
}

impl Contestant {
    /// All contestants, in the order of the table.
    pub(super) const ALL: [Self; 4] = [
        Self { name: "cqrs-es", library: Library::CqrsEs, tuned: false },
        Self { name: "cqrs-es-tuned", library: Library::CqrsEs, tuned: true },
        Self { name: "emmett", library: Library::Emmett, tuned: false },
        Self { name: "emmett-tuned", library: Library::Emmett, tuned: true },
    ];

    /// Rebuilds. Returns the seconds and the rows. Each round needs its own number.
    pub(super) async fn rebuild(&self, databases: &Databases, round: u32) -> anyhow::Result<(f64, Rows)> {
        let database = databases.for_library(self.library);
        wait_for_commits(database, !self.tuned).await?;
        let round = round.to_string();
        let arguments: &[&str] = match (self.library, self.tuned) {
            (Library::CqrsEs, _) => &["rebuild"],
            (Library::Emmett, false) => &["rebuild", &round],
            (Library::Emmett, true) => &["rebuild", &round, "tuned"],
        };
        let printed = self.library.run(database, arguments).await?;
        let rebuilt: Rebuilt =
            serde_json::from_str(&printed).with_context(|| format!("{} printed: {printed}", self.name))?;
        ensure!(rebuilt.seconds > 0.0, "{} reported no time", self.name);
        Ok((rebuilt.seconds, Rows::from_query(database, &rebuilt.rows).await?))
    }
}

/// The output of a program after a rebuild.
#[derive(Debug, Deserialize)]
struct Rebuilt {
    seconds: f64,
    /// A query that returns the rows, each as JSON.
    rows: String,
}

impl Library {
    const fn name(self) -> &'static str {
        match self {
            Self::CqrsEs => "cqrs-es",
            Self::Emmett => "emmett",
        }
    }

    fn command(self) -> Command {
        let folder = Path::new(FOLDER);
        match self {
            Self::CqrsEs => {
                let mut cargo = Command::new(env!("CARGO"));
                cargo.args(["run", "--release", "--quiet", "--locked", "--manifest-path"]);
                cargo.arg(folder.join("cqrs-es/Cargo.toml")).arg("--");
                cargo
            }
            Self::Emmett => {
                let mut node = Command::new("node");
                node.arg(folder.join("emmett/peer.js"));
                node
            }
        }
    }

    /// Runs the library's program to the end. Returns its standard output.
    async fn run(self, database: &TestDatabase, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments).env("DATABASE_URL", database.url());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let child =
            command.spawn().with_context(|| format!("starting {:?}", command.as_std().get_program()))?;
        let ended = timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.with_context(|| format!("{} exceeds the time limit", self.name()))??;
        ensure!(output.status.success(), "{} exited with {}", self.name(), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The databases of the libraries, all with the same events.
#[derive(Debug)]
pub(super) struct Databases {
    cqrs_es: TestDatabase,
    emmett: TestDatabase,
}

impl Databases {
    /// Creates and fills the databases.
    pub(super) async fn load(history: &PlainHistory) -> anyhow::Result<Self> {
        let databases = Self { cqrs_es: TestDatabase::empty().await?, emmett: TestDatabase::empty().await? };
        for library in [Library::CqrsEs, Library::Emmett] {
            report_progress(&format!("{} loads {} events (not measured)", library.name(), history.events));
            let database = databases.for_library(library);
            wait_for_commits(database, false).await?;
            let file = history.path().to_str().context("the temporary folder's path is not UTF-8")?;
            library.run(database, &["load", file]).await?;
            database.connect().await?.batch_execute("VACUUM (ANALYZE)").await?;
        }
        Ok(databases)
    }

    const fn for_library(&self, library: Library) -> &TestDatabase {
        match library {
            Library::CqrsEs => &self.cqrs_es,
            Library::Emmett => &self.emmett,
        }
    }
}

/// Sets whether later sessions of a database wait until a commit is on disk.
async fn wait_for_commits(database: &TestDatabase, wait: bool) -> anyhow::Result<()> {
    let config = database.config();
    let name = config.get_dbname().context("the database has no name")?;
    let setting = if wait { "on" } else { "off" };
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = {setting}");
    Ok(database.connect().await?.batch_execute(&sql).await?)
}

/// Checks that the programs can be started.
pub(super) fn check_installed() -> anyhow::Result<()> {
    let modules: PathBuf = Path::new(FOLDER).join("emmett/node_modules");
    if !modules.is_dir() {
        bail!("{} is missing: use tests/bench/peers/run, which installs it", modules.display());
    }
    Ok(())
}
