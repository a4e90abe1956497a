//! The master key: as given, else the one in the data dir, else a new one, but never a new one for a database whose
//! patients' details another one seals.

use anyhow::{Context, bail};
use daybook_domain::KeyId;
use daybook_vault::{MasterKey, Vault};
use deadpool_postgres::Pool;

use crate::secrets;
use crate::settings::Settings;

/// Any key that can still be read.
const ANY_KEY: &str = "SELECT key_id FROM privacy.keys WHERE wrapped_key IS NOT NULL LIMIT 1";

/// Finds the master key, or makes it at the first start.
pub(super) async fn open(settings: &Settings, pool: &Pool) -> anyhow::Result<MasterKey> {
    let data_dir = &settings.data_dir;
    let would_be_new = settings.master_key.is_none() && !secrets::has_master_key(data_dir);
    if would_be_new && any_key(pool).await?.is_some() {
        bail!(
            "the database holds details of patients that a master key seals, and there is none in `{}`: set \
             --master-key (DAYBOOK_MASTER_KEY), or name the folder that has it by --data-dir (DAYBOOK_DATA_DIR)",
            data_dir.display()
        );
    }
    secrets::master_key(settings)
        .context("there is no master key; --master-key (DAYBOOK_MASTER_KEY) sets one")
}

/// Makes sure that the master key is the one by which the database's keys are wrapped. With another one the same patient
/// would become somebody else.
pub(super) async fn check(vault: &Vault, pool: &Pool) -> anyhow::Result<()> {
    let Some(key) = any_key(pool).await? else { return Ok(()) };
    vault.prefetch(&[key]).await.map(drop).context(
        "patients' details cannot be opened; is --master-key (DAYBOOK_MASTER_KEY), or the one in the data dir, the one \
         that this database began with?",
    )
}

async fn any_key(pool: &Pool) -> anyhow::Result<Option<KeyId>> {
    let row = pool.get().await?.query_opt(ANY_KEY, &[]).await?;
    row.map(|row| row.try_get(0).map(KeyId)).transpose().map_err(Into::into)
}
