//! The database that everything stands on: the private PostgreSQL, or one that somebody else runs.
//!
//! It must never show a connection string: it may hold a password.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use daybook_private_postgres::{PrivatePostgres, StopOutcome};
use daybook_projections::runbook_schema;
use tokio::task::spawn_blocking;
use tokio_postgres::Config;

use super::IfMissing;
use crate::failure::UsageError;
use crate::settings::{Database, Settings};

/// A private PostgreSQL that several tasks use; empty once it was given up.
pub(super) type SharedPrivate = Arc<Mutex<Option<PrivatePostgres>>>;

/// How the runbook's tables are found in a database that somebody else runs: there the role for it may be missing, or have a
/// password.
const RUNBOOK_ELSEWHERE: &str =
    "PGOPTIONS='-c search_path=runbook -c default_transaction_read_only=on' psql \"$DATABASE_URL\"";

/// The running database.
#[derive(Debug)]
pub(super) struct DatabaseServer {
    config: Config,
    connect_hint: String,
    runbook_hint: String,
    /// Ours to watch over and to stop; none where the database is somebody else's.
    private: Option<SharedPrivate>,
}

impl DatabaseServer {
    /// Starts or finds it.
    pub(super) async fn start(settings: &Settings, beginning: IfMissing) -> anyhow::Result<Self> {
        match &settings.database {
            Database::Given(config) => Ok(Self {
                config: (**config).clone(),
                connect_hint: "psql \"$DATABASE_URL\"".to_owned(),
                runbook_hint: RUNBOOK_ELSEWHERE.to_owned(),
                private: None,
            }),
            Database::Private => {
                check_beginning(&settings.data_dir, beginning)?;
                let data_dir = settings.data_dir.clone();
                Ok(spawn_blocking(move || start_private(&data_dir)).await??)
            }
        }
    }

    /// How to connect.
    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    /// For the beginning of an error.
    pub(super) const fn describe_failure(&self) -> &'static str {
        match self.private {
            Some(_) => "the private PostgreSQL could not be used",
            None => "the database that --database-url (DATABASE_URL) names could not be used",
        }
    }

    /// A command line by which a person looks into it.
    pub(super) fn connect_hint(&self) -> &str {
        &self.connect_hint
    }

    /// A command line by which a person finds the runbook's tables under their plain names, and can change nothing.
    pub(super) fn runbook_hint(&self) -> &str {
        &self.runbook_hint
    }

    /// The private one, for whoever watches over it.
    pub(super) fn private(&self) -> Option<SharedPrivate> {
        self.private.clone()
    }

    /// Gives our share back; the last to leave stops the server.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let Some(shared) = self.private else { return Ok(()) };
        let stopped = spawn_blocking(move || {
            let private = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            private.map(PrivatePostgres::stop).transpose()
        });
        match stopped.await?.context("the private PostgreSQL could not be stopped")? {
            Some(StopOutcome::StillInUse) => tracing::debug!("others still use the private PostgreSQL"),
            Some(StopOutcome::Stopped) | None => {}
        }
        Ok(())
    }
}

/// Whether there is a database; one that somebody else runs is taken to be there.
pub(super) fn has_begun(settings: &Settings) -> bool {
    match settings.database {
        Database::Given(_) => true,
        Database::Private => has_private(&settings.data_dir),
    }
}

fn has_private(data_dir: &Path) -> bool {
    data_dir.join("postgres").exists()
}

fn check_beginning(data_dir: &Path, beginning: IfMissing) -> Result<(), UsageError> {
    if beginning == IfMissing::Refused && !has_private(data_dir) {
        return Err(UsageError(format!(
            "there is no clinic's book in `{}` yet: begin one with `daybook serve`, or name another folder by \
             --data-dir (DAYBOOK_DATA_DIR), or a database by --database-url (DATABASE_URL)",
            data_dir.display()
        )));
    }
    Ok(())
}

fn start_private(data_dir: &Path) -> Result<DatabaseServer, daybook_private_postgres::Error> {
    let private = PrivatePostgres::start(data_dir)?;
    Ok(DatabaseServer {
        config: private.config(),
        connect_hint: private.connect_hint(),
        runbook_hint: private.connect_hint_as(runbook_schema::ROLE),
        private: Some(Arc::new(Mutex::new(Some(private)))),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_look_into_an_empty_folder_does_not_begin_a_book() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = check_beginning(folder.path(), IfMissing::Refused).unwrap_err().to_string();
        assert!(refusal.contains("DAYBOOK_DATA_DIR") && refusal.contains("daybook serve"), "{refusal}");
        assert!(check_beginning(folder.path(), IfMissing::Allowed).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
