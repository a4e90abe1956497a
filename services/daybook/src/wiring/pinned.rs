//! The settings in which all processes of a clinic must agree: the first one pins them in the database, and one with another value
//! refuses to start. The log is pinned by `wiring::log`.

use daybook_vault::MasterKey;
use deadpool_postgres::Pool;

use crate::settings::Settings;

/// Another process set this before.
#[derive(Debug, thiserror::Error)]
enum NotAsPinned {
    #[error(
        "--{option} ({name}) is {here} here, but this clinic was set up with {pinned}: its times and patients would no longer be \
         the same. Set it to {pinned}. To change it for good, stop all processes and run \
         `UPDATE control.pinned_settings SET value = '{here}' WHERE name = '{name}'` in the database"
    )]
    Value { option: &'static str, name: &'static str, here: String, pinned: String },
    #[error(
        "this master key is not the one that the clinic was set up with. Use that one (DAYBOOK_MASTER_KEY, or the file master.key \
         in the data dir of the first process)"
    )]
    MasterKey,
}

/// The name of the fingerprint of the master key.
const MASTER_KEY: &str = "DAYBOOK_MASTER_KEY";

/// Pins the settings that are not pinned yet, and compares the others.
pub(super) async fn check(settings: &Settings, key: &MasterKey, pool: &Pool) -> anyhow::Result<()> {
    for (option, name, here) in [
        ("timezone", "DAYBOOK_TIMEZONE", settings.zone.to_string()),
        ("region", "DAYBOOK_REGION", settings.region.to_string()),
    ] {
        let pinned = pin(pool, name, &here).await?;
        if pinned != here {
            return Err(NotAsPinned::Value { option, name, here, pinned }.into());
        }
    }
    let fingerprint = key.fingerprint();
    if pin(pool, MASTER_KEY, &fingerprint).await? != fingerprint {
        return Err(NotAsPinned::MasterKey.into());
    }
    Ok(())
}

/// The pinned value of a setting, which is this one if there was none.
async fn pin(pool: &Pool, name: &str, value: &str) -> anyhow::Result<String> {
    let client = pool.get().await?;
    let insert =
        "INSERT INTO control.pinned_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    client.execute(insert, &[&name, &value]).await?;
    let select = "SELECT value FROM control.pinned_settings WHERE name = $1";
    Ok(client.query_one(select, &[&name]).await?.try_get(0)?)
}
