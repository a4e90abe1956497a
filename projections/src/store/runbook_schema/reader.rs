//! The role `daybook_runbook`, which can log in and read the runbook's tables and nothing else.
//!
//! A role belongs to the whole server, which several databases may share, so all settings and grants are limited to
//! this database. Nothing here may set a password, or fail because the role cannot be created: an administrator can do
//! that.

use deadpool_postgres::{GenericClient, Pool, Transaction};
use tokio_postgres::error::SqlState;

use super::SCHEMA;
use crate::control::error::{ViewError, describe};

/// The role's name.
pub const ROLE: &str = "daybook_runbook";

/// Its settings in this database. With the search path the runbook's statements need no schema.
const SETTINGS: [(&str, &str); 2] = [("search_path", SCHEMA), ("default_transaction_read_only", "on")];

/// How often creating the role is attempted, because a process of another database may create it at the same moment.
const TRIES: u32 = 3;

/// The present state of the role.
struct Reader {
    /// Name of the database, quoted for SQL.
    database: String,
    exists: bool,
    /// Whether this user may create and change roles.
    is_ours_to_make: bool,
    /// The role's settings in this database, such as `search_path=runbook`.
    settings: Vec<String>,
}

impl Reader {
    async fn find(client: &impl GenericClient) -> Result<Self, ViewError> {
        let sql = "
            SELECT quote_ident(current_database()), reader.oid IS NOT NULL, own.rolsuper OR own.rolcreaterole,
                   coalesce(s.setconfig, '{}')
            FROM pg_roles own LEFT JOIN pg_roles reader ON reader.rolname = $1
            LEFT JOIN pg_db_role_setting s ON s.setrole = reader.oid
                 AND s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
            WHERE own.rolname = current_user";
        let row = client.query_one(sql, &[&ROLE]).await?;
        Ok(Self {
            database: row.try_get(0)?,
            exists: row.try_get(1)?,
            is_ours_to_make: row.try_get(2)?,
            settings: row.try_get(3)?,
        })
    }

    /// The statements that complete the role; none if it is complete.
    fn missing(&self) -> Vec<String> {
        let create = (!self.exists).then(|| format!("CREATE ROLE {ROLE} LOGIN"));
        let unset = |(name, value): &(&str, &str)| !self.settings.contains(&format!("{name}={value}"));
        let set =
            |(name, value)| format!("ALTER ROLE {ROLE} IN DATABASE {} SET {name} = {value}", self.database);
        create.into_iter().chain(SETTINGS.into_iter().filter(unset).map(set)).collect()
    }
}

/// Creates the role if it is missing. If this user may not, the log shows what an administrator can run.
pub(super) async fn ensure(pool: &Pool) {
    for left in (0..TRIES).rev() {
        match make(pool).await {
            Ok(()) => return,
            Err(_) if left > 0 => {}
            Err(error) => {
                tracing::info!(error = %describe(&error), "the role {ROLE} could not be created");
            }
        }
    }
}

async fn make(pool: &Pool) -> Result<(), ViewError> {
    let client = pool.get().await?;
    let reader = Reader::find(&client).await?;
    let missing = reader.missing();
    if !reader.is_ours_to_make {
        log_missing(&missing);
        return Ok(());
    }
    for statement in &missing {
        match client.batch_execute(statement).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => {}
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                log_missing(&missing);
                return Ok(());
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Logs what an administrator can run. The next promotion or start grants the rest.
fn log_missing(missing: &[String]) {
    if !missing.is_empty() {
        let run = missing.join("; ");
        tracing::info!(
            run,
            "an administrator of the database can make the role {ROLE}, which reads the runbook's tables"
        );
    }
}

/// Grants the role access to the present contents of the schema, if the role exists.
pub(super) async fn grant(transaction: &Transaction<'_>) -> Result<(), ViewError> {
    let exists = "SELECT FROM pg_roles WHERE rolname = $1";
    if transaction.query_opt(exists, &[&ROLE]).await?.is_some() {
        let grants = format!(
            "GRANT USAGE ON SCHEMA {SCHEMA} TO {ROLE}; GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO {ROLE}"
        );
        transaction.batch_execute(&grants).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(exists: bool, settings: &[&str]) -> Reader {
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        Reader { database: r#""the clinic""#.to_owned(), exists, is_ours_to_make: false, settings }
    }

    #[test]
    fn only_missing_settings_are_listed_and_only_for_this_database() {
        let set = |what: &str| format!(r#"ALTER ROLE daybook_runbook IN DATABASE "the clinic" SET {what}"#);
        let (path, read_only) = (set("search_path = runbook"), set("default_transaction_read_only = on"));
        let create = "CREATE ROLE daybook_runbook LOGIN".to_owned();
        assert_eq!(reader(false, &[]).missing(), [create, path, read_only.clone()]);
        assert_eq!(reader(true, &["search_path=runbook"]).missing(), [read_only]);
        let whole = ["default_transaction_read_only=on", "search_path=runbook"];
        assert_eq!(reader(true, &whole).missing(), [""; 0]);
    }
}
