//! The role `daybook_runbook`: whoever logs in as it finds the runbook's tables, reads them, and reaches nothing else.
//!
//! A role belongs to the whole server, which several databases may share, so whatever is set and granted holds in this
//! database alone. Nothing here may give it a password, or end because it cannot be made: an administrator can do that.

use deadpool_postgres::{GenericClient, Pool, Transaction};
use tokio_postgres::error::SqlState;

use super::SCHEMA;
use crate::ViewError;

/// Its name.
pub const ROLE: &str = "daybook_runbook";

/// What is set for it in this database. The search path is what lets the runbook's statements name a table plainly.
const SETTINGS: [(&str, &str); 2] = [("search_path", SCHEMA), ("default_transaction_read_only", "on")];

/// How often it is tried, where another database's process makes the role at the same moment.
const TRIES: u32 = 3;

/// The role as it stands.
struct Reader {
    /// Name of the database, quoted as SQL wants it.
    database: String,
    exists: bool,
    /// Whether this user may make and change roles.
    is_ours_to_make: bool,
    /// What is set in this database, such as `search_path=runbook`.
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

    /// The statements that make it what it has to be; none where it is.
    fn missing(&self) -> Vec<String> {
        let create = (!self.exists).then(|| format!("CREATE ROLE {ROLE} LOGIN"));
        let unset = |(name, value): &(&str, &str)| !self.settings.contains(&format!("{name}={value}"));
        let set =
            |(name, value)| format!("ALTER ROLE {ROLE} IN DATABASE {} SET {name} = {value}", self.database);
        create.into_iter().chain(SETTINGS.into_iter().filter(unset).map(set)).collect()
    }
}

/// Makes the role where it is missing. Where this user may not, the log says what an administrator would run.
pub(super) async fn ensure(pool: &Pool) {
    for left in (0..TRIES).rev() {
        match make(pool).await {
            Ok(()) => return,
            Err(_) if left > 0 => {}
            Err(error) => {
                tracing::info!(error = %crate::describe(&error), "the role {ROLE} could not be made");
            }
        }
    }
}

async fn make(pool: &Pool) -> Result<(), ViewError> {
    let client = pool.get().await?;
    let reader = Reader::find(&client).await?;
    let missing = reader.missing();
    if !reader.is_ours_to_make {
        tell(&missing);
        return Ok(());
    }
    for statement in &missing {
        match client.batch_execute(statement).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => {}
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                tell(&missing);
                return Ok(());
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Says what an administrator would run. The next promotion or start grants the rest.
fn tell(missing: &[String]) {
    if !missing.is_empty() {
        let run = missing.join("; ");
        tracing::info!(
            run,
            "an administrator of the database can make the role {ROLE}, which reads the runbook's tables"
        );
    }
}

/// Lets the role read what the schema holds now, where there is the role.
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
    fn what_is_missing_is_all_that_is_said_and_holds_in_this_database_alone() {
        let set = |what: &str| format!(r#"ALTER ROLE daybook_runbook IN DATABASE "the clinic" SET {what}"#);
        let (path, read_only) = (set("search_path = runbook"), set("default_transaction_read_only = on"));
        let create = "CREATE ROLE daybook_runbook LOGIN".to_owned();
        assert_eq!(reader(false, &[]).missing(), [create, path, read_only.clone()]);
        assert_eq!(reader(true, &["search_path=runbook"]).missing(), [read_only]);
        let whole = ["default_transaction_read_only=on", "search_path=runbook"];
        assert_eq!(reader(true, &whole).missing(), [""; 0]);
    }
}
