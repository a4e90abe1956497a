//! Secrets from files, as container platforms mount them. The command line of a process can be read by everybody on the
//! machine, and its environment is inherited.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::{ArgMatches, Args, parser::ValueSource};

use super::SettingsError;
use super::options::Options;

/// The options that hold a secret.
const SECRETS: [&str; 6] =
    ["database_url", "event_store_url", "master_key", "jwt_secret", "jwt_secret_previous", "metrics_token"];

/// Files that hold the secrets of other options. An empty variable counts as unset, and clap takes no empty path, so they are no
/// paths yet.
#[derive(Args, Default)]
pub struct SecretFiles {
    /// File with --database-url
    #[arg(long, env = "DATABASE_URL_FILE", global = true, hide_short_help = true, value_name = "FILE")]
    pub database_url_file: Option<OsString>,

    /// File with --event-store-url
    #[arg(long, env = "EVENT_STORE_URL_FILE", global = true, hide_short_help = true, value_name = "FILE")]
    pub event_store_url_file: Option<OsString>,

    /// File with --master-key
    #[arg(long, env = "DAYBOOK_MASTER_KEY_FILE", global = true, hide_short_help = true, value_name = "FILE")]
    pub master_key_file: Option<OsString>,

    /// File with --jwt-secret
    #[arg(long, env = "DAYBOOK_JWT_SECRET_FILE", global = true, hide_short_help = true, value_name = "FILE")]
    pub jwt_secret_file: Option<OsString>,

    /// File with --jwt-secret-previous
    #[arg(
        long,
        env = "DAYBOOK_JWT_SECRET_PREVIOUS_FILE",
        global = true,
        hide_short_help = true,
        value_name = "FILE"
    )]
    pub jwt_secret_previous_file: Option<OsString>,

    /// File with --metrics-token
    #[arg(
        long,
        env = "DAYBOOK_METRICS_TOKEN_FILE",
        global = true,
        hide_short_help = true,
        value_name = "FILE"
    )]
    pub metrics_token_file: Option<OsString>,
}

impl Options {
    /// Reads the secrets that are in files.
    ///
    /// # Errors
    /// If a file cannot be read or is empty, or if a secret is given twice.
    pub fn read_secret_files(mut self) -> Result<Self, SettingsError> {
        let files = std::mem::take(&mut self.secret_files);
        for (option, file, value) in [
            ("--database-url (DATABASE_URL)", files.database_url_file, &mut self.database_url),
            ("--event-store-url (EVENT_STORE_URL)", files.event_store_url_file, &mut self.event_store_url),
            ("--master-key (DAYBOOK_MASTER_KEY)", files.master_key_file, &mut self.master_key),
            ("--jwt-secret (DAYBOOK_JWT_SECRET)", files.jwt_secret_file, &mut self.jwt_secret),
            (
                "--jwt-secret-previous (DAYBOOK_JWT_SECRET_PREVIOUS)",
                files.jwt_secret_previous_file,
                &mut self.jwt_secret_previous,
            ),
            ("--metrics-token (DAYBOOK_METRICS_TOKEN)", files.metrics_token_file, &mut self.metrics_token),
        ] {
            let Some(path) = file.filter(|path| !path.is_empty()).map(PathBuf::from) else { continue };
            if value.as_ref().is_some_and(|text| !text.trim().is_empty()) {
                return Err(SettingsError::SecretTwice(option));
            }
            let read = fs::read_to_string(&path);
            let text =
                read.map_err(|source| SettingsError::SecretFile { option, path: path.clone(), source })?;
            // Some editors write a byte order mark, which nobody means as a part of the secret.
            let text = text.trim_start_matches('\u{feff}');
            if text.trim().is_empty() {
                return Err(SettingsError::SecretFileEmpty { option, path });
            }
            *value = Some(text.to_owned());
        }
        Ok(self)
    }
}

/// The options whose secret was written on the command line.
pub fn secrets_on_command_line(matches: &ArgMatches) -> Vec<String> {
    let written = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    SECRETS.into_iter().filter(written).map(|id| format!("--{}", id.replace('_', "-"))).collect()
}
