//! The database: a private PostgreSQL, or a configured one.
//!
//! It must never show a connection string, which may contain a password.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use daybook_private_postgres::{PrivatePostgres, StopOutcome};
use daybook_projections::store::runbook_schema;
use tokio::task::spawn_blocking;
use tokio_postgres::Config;

use super::IfMissing;
use crate::error::UsageError;
use crate::settings::{Database, Settings};

/// A private PostgreSQL that several tasks share; empty once it was stopped.
pub(super) type SharedPrivate = Arc<Mutex<Option<PrivatePostgres>>>;

/// Connects with the runbook's tables in a configured database, where the role for it may be missing or have a password.
const RUNBOOK_ELSEWHERE: &str =
    "PGOPTIONS='-c search_path=runbook -c default_transaction_read_only=on' psql \"$DATABASE_URL\"";

/// The running database.
#[derive(Debug)]
pub(super) struct DatabaseServer {
    config: Config,
    connect_hint: String,
    runbook_hint: String,
    /// The private server; none if the database was configured.
    private: Option<SharedPrivate>,
}

impl DatabaseServer {
    /// Starts or finds the database.
    pub(super) async fn start(settings: &Settings, if_missing: IfMissing) -> anyhow::Result<Self> {
        match &settings.database {
            Database::Given(config) => Ok(Self {
                config: (**config).clone(),
                connect_hint: "psql \"$DATABASE_URL\"".to_owned(),
                runbook_hint: RUNBOOK_ELSEWHERE.to_owned(),
                private: None,
            }),
            Database::Private => {
                check_begun(&settings.data_dir, if_missing)?;
                let data_dir = settings.data_dir.clone();
                Ok(spawn_blocking(move || start_private(&data_dir)).await??)
            }
        }
    }

    /// How to connect.
    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    /// Context for an error.
    pub(super) const fn describe_failure(&self) -> &'static str {
        match self.private {
            Some(_) => "the private PostgreSQL cannot be used",
            None => "the database of --database-url (DATABASE_URL) cannot be used",
        }
    }

    /// A command line that connects to it.
    pub(super) fn connect_hint(&self) -> &str {
        &self.connect_hint
    }

    /// A read-only command line with the runbook's tables under their plain names.
    pub(super) fn runbook_hint(&self) -> &str {
        &self.runbook_hint
    }

    /// Whether it is a private server.
    pub(super) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// The private server, for its supervisor.
    pub(super) fn private(&self) -> Option<SharedPrivate> {
        self.private.clone()
    }

    /// Releases our use of the server. The last user stops it.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        let Some(shared) = self.private else { return Ok(()) };
        let stopped = spawn_blocking(move || {
            let private = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
            private.map(PrivatePostgres::stop).transpose()
        });
        match stopped.await?.context("the private PostgreSQL could not be stopped")? {
            Some(StopOutcome::StillInUse) => {
                tracing::debug!("another process still uses the private PostgreSQL")
            }
            Some(StopOutcome::Stopped) | None => {}
        }
        Ok(())
    }
}

/// Whether there is a database; a configured one is assumed to exist.
pub(super) fn has_begun(settings: &Settings) -> bool {
    match settings.database {
        Database::Given(_) => true,
        Database::Private => has_private(&settings.data_dir),
    }
}

fn has_private(data_dir: &Path) -> bool {
    data_dir.join("postgres").exists()
}

fn check_begun(data_dir: &Path, if_missing: IfMissing) -> Result<(), UsageError> {
    if if_missing == IfMissing::Refused && !has_private(data_dir) {
        return Err(UsageError(format!(
            "there is no Daybook data in `{}`. Start a new clinic with `daybook serve`, or use another folder with \
             --data-dir (DAYBOOK_DATA_DIR) or a database with --database-url (DATABASE_URL)",
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
    fn reading_an_empty_folder_does_not_create_a_clinic() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = check_begun(folder.path(), IfMissing::Refused).unwrap_err().to_string();
        assert!(refusal.contains("DAYBOOK_DATA_DIR") && refusal.contains("daybook serve"), "{refusal}");
        assert!(check_begun(folder.path(), IfMissing::Allowed).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
