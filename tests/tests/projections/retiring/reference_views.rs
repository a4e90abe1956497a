//! The views of a clinic's log in a separate database, where they are never retired.

use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_projections::{Engine, Generation, KEEP, Process, Rebuild, Verdict};
use daybook_tests::clinic::{Clinic, migrated};
use daybook_tests::postgres::TestDatabase;
use deadpool_postgres::Pool;
use tokio::sync::watch;

/// The views, and the engine that keeps them up to date until this value is dropped.
pub(super) struct ReferenceViews {
    pub(super) database: TestDatabase,
    pool: Pool,
    stop: watch::Sender<bool>,
}

impl ReferenceViews {
    pub(super) async fn of(clinic: &Clinic) -> Self {
        let database = TestDatabase::migrated(migrated).await.unwrap();
        let pool = create_pool(&database.config(), PoolSize(8)).unwrap();
        let (log, vault) = (Arc::clone(&clinic.log), clinic.vault.clone());
        let rebuild = Rebuild::new(Arc::clone(&log), vault.clone(), pool.clone(), KEEP);
        rebuild.run(&ReadModel::ALL, &|_| {}).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let process = Process { host: "kept".to_owned(), pid: std::process::id() };
        tokio::spawn(Engine::new(log, vault, pool.clone(), process).run(stopped));
        Self { database, pool, stop }
    }

    /// The comparison of these two views, and their legacy generation.
    pub(super) async fn verdict(&self, clinic: &Clinic) -> (Verdict, Generation) {
        let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &self.pool).await.unwrap();
        let legacy = verdict.generations.iter().copied().find(|one| one.model == ReadModel::Legacy);
        (verdict, legacy.unwrap())
    }
}

impl Drop for ReferenceViews {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}
