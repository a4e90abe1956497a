//! Files that an earlier build wrote are read by this one: `tests/fixtures/old_build` holds them, and its README says how they
//! were made.
//!
//! Nothing here may use a type of the product, or change a fixture.

mod backup;
mod command_line;
mod database;
mod event_export;
mod files;
mod golden;
mod http;
mod json_keys;
mod key_paths;
mod spellings;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daybook_tests::process::{CommandOutput, Installation, Service};
use daybook_tests::psql;
use serde_json::Value;
use tokio_postgres::Client;

/// The fixtures of the old build.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/old_build");

/// The old build's throwaway secrets are read from its files in the data dir: an empty variable counts as none.
const SECRETS_FROM_FILES: [(&str, &str); 2] = [("DAYBOOK_MASTER_KEY", ""), ("DAYBOOK_JWT_SECRET", "")];

/// The files of those secrets.
const SECRETS: [&str; 2] = ["master.key", "jwt.secret"];

fn fixture(name: &str) -> String {
    Path::new(FIXTURES).join(name).to_str().unwrap().to_owned()
}

fn text_of(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json_of(name: &str) -> Value {
    serde_json::from_str(&text_of(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A clinic with the secrets of the old build.
struct OldClinic(Installation);

impl OldClinic {
    /// One over an empty database.
    async fn empty() -> Self {
        let clinic = Installation::open().await.unwrap();
        fs::create_dir_all(clinic.data_dir()).unwrap();
        for secret in SECRETS {
            let copy = clinic.data_dir().join(secret);
            fs::copy(fixture(secret), &copy).unwrap();
            fs::set_permissions(copy, Permissions::from_mode(0o600)).unwrap();
        }
        Self(clinic)
    }

    /// One over a database that the old build left behind.
    async fn load(dump: &str) -> Self {
        let clinic = Self::empty().await;
        clinic.load_parts(dump, &[]).await;
        clinic
    }

    /// Loads the parts of a dump that some options of `pg_restore` choose.
    async fn load_parts(&self, dump: &str, options: &[&str]) {
        let (url, dump) =
            (self.0.url_with_application_name("fixture").unwrap(), fixture(&format!("{dump}.dump")));
        psql::load_dump(&url, Path::new(&dump), options).await.unwrap();
    }

    async fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.0.run_with(arguments, &SECRETS_FROM_FILES).await.unwrap()
    }

    /// Runs a command that has to succeed.
    async fn json(&self, arguments: &[&str]) -> Value {
        let line = [arguments, &["--json"]].concat();
        self.run(&line).await.json().unwrap_or_else(|error| panic!("{arguments:?}: {error:#}"))
    }

    async fn serve(&self) -> Service {
        self.0.serve_with(&SECRETS_FROM_FILES).await.unwrap()
    }

    async fn connect(&self) -> Client {
        self.0.connect().await.unwrap()
    }

    /// A file of its own that is not there yet.
    fn scratch(&self, name: &str) -> PathBuf {
        self.0.data_dir().join(name)
    }
}

/// The digests of a comparison, without the names of the generations; all views that agree have the same one.
fn digests(verdict: &Value) -> Vec<&str> {
    let digests = verdict["digests"].as_object().unwrap_or_else(|| panic!("no digests: {verdict}"));
    digests.values().map(|digest| digest.as_str().unwrap()).collect()
}
