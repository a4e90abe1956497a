//! `pg_dump` and `pg_restore`, run on the database that Daybook uses.
//!
//! A password must never be on a command line or in a message: it goes only into the environment of the program. Only the
//! programs' own lines are reported: the lines that follow them may quote a row.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use daybook_private_postgres::{DumpPrograms, KEPT_VARIABLES};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config};

/// Longest time of one dump or restore.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// How long a dump waits for a table that a migration holds.
const LOCK_PATIENCE: &str = "--lock-wait-timeout=60000";

/// Lines of a program that are reported.
const MAX_LINES: usize = 3;

/// What a dump holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Content {
    /// The log, the keys and the control tables. Views are left out, because they are rebuilt from the log and show patients'
    /// details; so are the tables that list them.
    Database,
    /// Which migrations have run.
    History,
}

impl Content {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Database => &[
                "--schema=event_log",
                "--schema=privacy",
                "--schema=control",
                "--exclude-table-data=control.generations",
                "--exclude-table-data=control.checkpoints",
                "--exclude-table-data=control.parked_events",
            ],
            Self::History => &["--table=daybook_schema_history"],
        }
    }
}

/// The programs, and how they reach the server.
pub(in crate::cli) struct Tools {
    programs: DumpPrograms,
    environment: Vec<(&'static str, OsString)>,
}

impl Tools {
    /// Finds those that fit the server.
    ///
    /// # Errors
    /// What to install or to set.
    pub(in crate::cli) async fn find(config: &Config, client: &Client) -> anyhow::Result<Self> {
        let sql = "SELECT current_setting('server_version_num')::integer / 10000";
        let server = client.query_one(sql, &[]).await?.try_get::<_, i32>(0)?.unsigned_abs();
        let programs = spawn_blocking(move || DumpPrograms::find(server)).await??;
        Ok(Self { programs, environment: environment(config) })
    }

    /// Dumps into a file what a snapshot shows.
    pub(in crate::cli) async fn dump(
        &self,
        content: Content,
        snapshot: &str,
        out: &File,
    ) -> anyhow::Result<()> {
        let mut command = self.command(&self.programs.pg_dump);
        command.args(["--format=custom", "--compress=1", "--no-owner", "--no-privileges", "--strict-names"]);
        command.args(["--no-password", LOCK_PATIENCE]).arg(format!("--snapshot={snapshot}"));
        command.args(content.arguments()).stdin(Stdio::null()).stdout(Stdio::from(out.try_clone()?));
        run("pg_dump", command).await
    }

    /// Restores a dump into a database of the server: all of it or, where it fails, nothing.
    pub(in crate::cli) async fn restore(&self, dump: File, database: &str) -> anyhow::Result<()> {
        let mut command = self.command(&self.programs.pg_restore);
        command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]);
        command.args(["--no-password", "--dbname"]).arg(connection_string(database));
        command.stdin(Stdio::from(dump)).stdout(Stdio::null());
        run("pg_restore", command).await
    }

    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new(program);
        let kept = KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).env("LC_ALL", "C");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // An interrupted command stops the program.
        command.kill_on_drop(true);
        command
    }
}

async fn run(tool: &'static str, mut command: Command) -> anyhow::Result<()> {
    let child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("cannot run {tool}"))?;
    let ended = timeout(LIMIT, child.wait_with_output()).await;
    let output = ended.with_context(|| format!("{tool} did not end within a day and was stopped"))??;
    check(tool, output.status, &String::from_utf8_lossy(&output.stderr))
}

fn check(tool: &'static str, status: ExitStatus, said: &str) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    let own = |line: &&str| line.strip_prefix(tool).is_some_and(|rest| rest.starts_with(": "));
    let lines: Vec<&str> = said.lines().filter(own).take(MAX_LINES).collect();
    bail!("{tool} failed ({status}): {}", lines.join("; "))
}

/// The configuration as libpq's environment variables. Without TLS, like all connections of Daybook.
fn environment(config: &Config) -> Vec<(&'static str, OsString)> {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.into(),
        Host::Unix(folder) => folder.as_os_str().to_owned(),
    });
    let addresses = config.get_hostaddrs().iter().map(|address| address.to_string().into());
    let ports = config.get_ports().iter().map(|port| port.to_string().into());
    let password = config.get_password().map(|bytes| std::ffi::OsStr::from_bytes(bytes).to_owned());
    let patience = config.get_connect_timeout().map(|limit| limit.as_secs().max(2).to_string().into());
    let set = [
        ("PGHOST", list(hosts)),
        ("PGHOSTADDR", list(addresses)),
        ("PGPORT", list(ports)),
        ("PGUSER", config.get_user().map(OsString::from)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().or(config.get_user()).map(OsString::from)),
        ("PGOPTIONS", config.get_options().map(OsString::from)),
        ("PGCONNECT_TIMEOUT", patience),
        ("PGAPPNAME", Some("daybook".into())),
        ("PGSSLMODE", Some("disable".into())),
    ];
    set.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn list(items: impl Iterator<Item = OsString>) -> Option<OsString> {
    items.reduce(|mut list, item| {
        list.push(",");
        list.push(item);
        list
    })
}

/// A bare name would be parsed as a connection string if it looks like one.
fn connection_string(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_programs_use_daybook_s_database_and_the_password_is_only_in_their_environment() {
        let url =
            "postgresql://kim:s3cret@db.example,10.0.0.2:5433/clinic?connect_timeout=1&options=-c%20x%3D1";
        let config: Config = url.parse().unwrap();
        let environment = environment(&config);
        let get = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| value.to_str().unwrap())
        };
        assert_eq!((get("PGHOST"), get("PGPORT")), ("db.example,10.0.0.2", "5432,5433"));
        assert_eq!((get("PGUSER"), get("PGPASSWORD"), get("PGDATABASE")), ("kim", "s3cret", "clinic"));
        assert_eq!((get("PGOPTIONS"), get("PGCONNECT_TIMEOUT")), ("-c x=1", "2"));
        assert_eq!(get("PGSSLMODE"), "disable");
    }

    #[test]
    fn a_database_name_cannot_add_connection_options() {
        assert_eq!(connection_string("it's host=evil"), r"dbname='it\'s host=evil'");
    }

    #[test]
    fn lines_that_may_quote_a_row_are_not_reported() {
        let said = "pg_restore: error: COPY failed for table \"events\": ERROR:  invalid input\n\
                    DETAIL:  Key (name)=(Kim) is bad.\nCONTEXT:  COPY events, line 1: \"Kim\"\n";
        let text = check("pg_restore", ExitStatus::from_raw(256), said).unwrap_err().to_string();
        assert!(text.contains("COPY failed for table") && !text.contains("Kim"), "{text}");
        assert!(check("pg_restore", ExitStatus::from_raw(0), "pg_restore: warning: old").is_ok());
    }
}
