//! The master key: the configured one, or the one in the data dir, or a new one. It must never generate a new key for a database
//! whose patients' details another key seals.

use anyhow::{Context, bail};
use daybook_domain::KeyId;
use daybook_vault::{MasterKey, Vault};
use deadpool_postgres::Pool;

use crate::secrets;
use crate::settings::Settings;

/// Any key that was not destroyed.
const ANY_KEY: &str = "SELECT key_id FROM privacy.keys WHERE wrapped_key IS NOT NULL LIMIT 1";

/// Finds the master key, or generates it at the first start.
pub(super) async fn open(settings: &Settings, pool: &Pool) -> anyhow::Result<MasterKey> {
    let data_dir = &settings.data_dir;
    let would_be_new = settings.master_key.is_none() && !secrets::has_master_key(data_dir);
    if would_be_new && any_key(pool).await?.is_some() {
        bail!(
            "the database holds patients' details, but there is no master key in `{}`. Set --master-key (DAYBOOK_MASTER_KEY), \
             or use the folder that has the key with --data-dir (DAYBOOK_DATA_DIR)",
            data_dir.display()
        );
    }
    secrets::master_key(settings).context("no master key is available; set --master-key (DAYBOOK_MASTER_KEY)")
}

/// Checks that the master key wraps the keys in the database. With a different one, the same patient would become another
/// subject.
pub(super) async fn check(vault: &Vault, pool: &Pool) -> anyhow::Result<()> {
    let Some(key) = any_key(pool).await? else { return Ok(()) };
    vault.prefetch(&[key]).await.map(drop).context(
        "patients' details cannot be read with this master key. Use the key that this database was created with \
         (DAYBOOK_MASTER_KEY, or the file master.key in the data dir)",
    )
}

async fn any_key(pool: &Pool) -> anyhow::Result<Option<KeyId>> {
    let row = pool.get().await?.query_opt(ANY_KEY, &[]).await?;
    row.map(|row| row.try_get(0).map(KeyId)).transpose().map_err(Into::into)
}
