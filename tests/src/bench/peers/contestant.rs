//! The other libraries: where their programs are, how they are called, and what they say.
//!
//! Each has a database of its own on the same server, filled once. It must never count the start of a process, nor the
//! loading of events: a program measures its rebuild by itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use super::past::ClearPast;
use super::rows::Rows;
use super::say;
use crate::postgres::TestDatabase;

/// Where the programs are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/peers");

/// How long one load or one rebuild may take, at most.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    CqrsEs,
    Emmett,
}

/// A library as it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contestant {
    /// Its name in the table.
    pub(super) name: &'static str,
    library: Library,
    /// With all that its options can do for it, and without waiting for commits to be on disk.
    tuned: bool,
}

impl Contestant {
    /// All of them, in the order of the table.
    pub(super) const ALL: [Self; 4] = [
        Self { name: "cqrs-es", library: Library::CqrsEs, tuned: false },
        Self { name: "cqrs-es-tuned", library: Library::CqrsEs, tuned: true },
        Self { name: "emmett", library: Library::Emmett, tuned: false },
        Self { name: "emmett-tuned", library: Library::Emmett, tuned: true },
    ];

    /// Rebuilds. Gives the seconds and the rows. A round is named once.
    pub(super) async fn rebuild(&self, databases: &Databases, round: u32) -> anyhow::Result<(f64, Rows)> {
        let database = databases.of(self.library);
        wait_for_commits(database, !self.tuned).await?;
        let round = round.to_string();
        let arguments: &[&str] = match (self.library, self.tuned) {
            (Library::CqrsEs, _) => &["rebuild"],
            (Library::Emmett, false) => &["rebuild", &round],
            (Library::Emmett, true) => &["rebuild", &round, "tuned"],
        };
        let said = self.library.run(database, arguments).await?;
        let rebuilt: Rebuilt =
            serde_json::from_str(&said).with_context(|| format!("{} said: {said}", self.name))?;
        ensure!(rebuilt.seconds > 0.0, "{} took no time", self.name);
        Ok((rebuilt.seconds, Rows::of_query(database, &rebuilt.rows).await?))
    }
}

/// What a program says of a rebuild.
#[derive(Debug, Deserialize)]
struct Rebuilt {
    seconds: f64,
    /// A statement that gives the rows, each as JSON.
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

    /// Runs its program to the end. Gives what it wrote.
    async fn run(self, database: &TestDatabase, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command();
        command.args(arguments).env("DATABASE_URL", database.url());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let child =
            command.spawn().with_context(|| format!("starting {:?}", command.as_std().get_program()))?;
        let ended = timeout(PATIENCE, child.wait_with_output()).await;
        let output = ended.with_context(|| format!("{} takes too long", self.name()))??;
        ensure!(output.status.success(), "{} ended with {}", self.name(), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The databases of the libraries, with the same events in each.
#[derive(Debug)]
pub(super) struct Databases {
    cqrs_es: TestDatabase,
    emmett: TestDatabase,
}

impl Databases {
    /// Makes and fills them.
    pub(super) async fn load(past: &ClearPast) -> anyhow::Result<Self> {
        let databases = Self { cqrs_es: TestDatabase::empty().await?, emmett: TestDatabase::empty().await? };
        for library in [Library::CqrsEs, Library::Emmett] {
            say(&format!("{} takes in {} events (not measured)", library.name(), past.events));
            let database = databases.of(library);
            wait_for_commits(database, false).await?;
            let file = past.path().to_str().context("a temporary folder that is no text")?;
            library.run(database, &["load", file]).await?;
            database.connect().await?.batch_execute("VACUUM (ANALYZE)").await?;
        }
        Ok(databases)
    }

    const fn of(&self, library: Library) -> &TestDatabase {
        match library {
            Library::CqrsEs => &self.cqrs_es,
            Library::Emmett => &self.emmett,
        }
    }
}

/// Whether sessions of a database wait until a commit is on disk, from the next one on.
async fn wait_for_commits(database: &TestDatabase, wait: bool) -> anyhow::Result<()> {
    let config = database.config();
    let name = config.get_dbname().context("a database without a name")?;
    let setting = if wait { "on" } else { "off" };
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = {setting}");
    Ok(database.connect().await?.batch_execute(&sql).await?)
}

/// Whether the programs can be started at all.
pub(super) fn check_installed() -> anyhow::Result<()> {
    let modules: PathBuf = Path::new(FOLDER).join("emmett/node_modules");
    if !modules.is_dir() {
        bail!("{} is missing: start this by tests/bench/peers/run, which installs it", modules.display());
    }
    Ok(())
}
