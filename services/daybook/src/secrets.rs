//! Generated secrets: created once and kept in the data dir, readable only by the owner.
//!
//! It must never show a secret in an error or a log line.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use daybook_api::JwtSecret;
use daybook_vault::MasterKey;
use uuid::Uuid;

use crate::settings::Settings;

/// The file of the master key in the data dir.
pub const MASTER_KEY_FILE: &str = "master.key";

/// The file of the secret that signs tokens of staff.
pub const JWT_SECRET_FILE: &str = "jwt.secret";

/// Only the owner reads and writes.
const PRIVATE_FILE_MODE: u32 = 0o600;

/// Only the owner enters.
const PRIVATE_DIR_MODE: u32 = 0o700;

/// Permission bits of everybody else.
const OTHERS: u32 = 0o077;

/// Why a secret could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A file or folder could not be used.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The machine gave no randomness.
    #[error("the operating system provides no random numbers")]
    Randomness(#[source] getrandom::Error),
    /// The file holds something else.
    #[error("`{}` does not contain {what}; restore the file, or set {variable}", .path.display())]
    Corrupt {
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// The environment variable that goes before it.
        variable: &'static str,
    },
}

/// Whether a data dir holds a master key.
pub fn has_master_key(data_dir: &Path) -> bool {
    data_dir.join(MASTER_KEY_FILE).exists()
}

/// The configured master key, or the one in the data dir, which is generated if missing.
///
/// # Errors
/// When it cannot be read or kept.
pub fn master_key(settings: &Settings) -> Result<MasterKey, SecretError> {
    if let Some(key) = &settings.master_key {
        return Ok(key.clone());
    }
    let path = settings.data_dir.join(MASTER_KEY_FILE);
    let text = read_or_make(&path)?;
    let corrupt = SecretError::Corrupt { path, what: "a master key", variable: "DAYBOOK_MASTER_KEY" };
    MasterKey::parse(&text).map_err(|_| corrupt)
}

/// The configured secret for staff tokens, or the one in the data dir, which is generated if missing. None if only a key set
/// is configured: a secret that nobody asked for would be a second way in.
///
/// # Errors
/// When it cannot be read or kept.
pub fn jwt_secret(settings: &Settings) -> Result<Option<JwtSecret>, SecretError> {
    if settings.jwt_secret.is_some() || settings.jwks.is_some() {
        return Ok(settings.jwt_secret.clone());
    }
    let path = settings.data_dir.join(JWT_SECRET_FILE);
    let text = read_or_make(&path)?;
    let corrupt = SecretError::Corrupt { path, what: "a long enough secret", variable: "DAYBOOK_JWT_SECRET" };
    JwtSecret::parse(&text).map(Some).map_err(|_| corrupt)
}

/// Reads a file of one line, or creates it with 64 random hexadecimal digits. If several processes create it at once, all read
/// the same secret.
fn read_or_make(path: &Path) -> Result<String, SecretError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            fs::read_to_string(path)
        }
        found => found,
    }
    .map(|text| text.trim().to_owned())
    .map_err(io_error("read", path))
    .inspect(|_| warn_if_others_can_read(path))
}

fn make(path: &Path) -> Result<(), SecretError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_DIR_MODE).create(folder).map_err(io_error("create", folder))?;
    let secret = MasterKey::random().map_err(SecretError::Randomness)?.reveal();
    // The file is complete before it gets its name, so that nobody reads half of it. A link never replaces a file.
    let draft = path.with_extension(format!("draft-{}", Uuid::new_v4().simple()));
    let written = write_private(&draft, &secret);
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map_err(io_error("create", path)),
    });
    let removed = fs::remove_file(&draft).map_err(io_error("remove", &draft));
    linked?;
    removed?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error("write", folder))
}

fn write_private(path: &Path, text: &str) -> Result<(), SecretError> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(PRIVATE_FILE_MODE).open(path);
    let mut file = opened.map_err(io_error("create", path))?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    written.map_err(io_error("write", path))
}

fn warn_if_others_can_read(path: &Path) {
    let mode = fs::metadata(path).map_or(0, |found| found.permissions().mode());
    if mode & OTHERS != 0 {
        tracing::warn!(file = %path.display(), "other users can read this secret; run `chmod 600` on it");
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SecretError {
    let path = path.to_owned();
    move |source| SecretError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::settings::Options;

    fn settings(data_dir: &Path) -> Settings {
        let data_dir = Some(data_dir.to_string_lossy().into_owned());
        Settings::parse(Options { data_dir, ..Options::default() }).unwrap()
    }

    #[test]
    fn a_secret_is_generated_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("new");
        let settings = settings(&data_dir);
        assert!(!has_master_key(&data_dir));
        let first = master_key(&settings).unwrap();
        assert!(master_key(&settings).unwrap() == first);
        assert!(has_master_key(&data_dir));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data_dir.join(MASTER_KEY_FILE)), PRIVATE_FILE_MODE);
        assert_eq!(mode(&data_dir), PRIVATE_DIR_MODE);
        assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_configured_secret_wins_and_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        settings.master_key = Some(MasterKey::parse(&"ab".repeat(32)).unwrap());
        settings.jwt_secret = Some(JwtSecret::parse(&"s".repeat(32)).unwrap());
        assert!(master_key(&settings).unwrap().reveal() == "ab".repeat(32));
        jwt_secret(&settings).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn concurrent_processes_get_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let texts: Vec<String> = std::thread::scope(|scope| {
            let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| read_or_make(&path))).collect();
            readers.into_iter().map(|reader| reader.join().unwrap().unwrap()).collect()
        });
        let kept = fs::read_to_string(&path).unwrap();
        assert!(texts.iter().all(|text| text == kept.trim()));
    }

    #[test]
    fn the_two_secrets_differ() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let master = master_key(&settings).unwrap();
        jwt_secret(&settings).unwrap();
        let jwt = fs::read_to_string(folder.path().join(JWT_SECRET_FILE)).unwrap();
        assert_ne!(master.reveal(), jwt.trim());
    }

    #[test]
    fn a_corrupt_file_is_named_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MASTER_KEY_FILE), "scribble").unwrap();
        let error = master_key(&settings(folder.path())).unwrap_err().to_string();
        assert!(error.contains(MASTER_KEY_FILE) && error.contains("DAYBOOK_MASTER_KEY"), "{error}");
        assert!(!error.contains("scribble"), "{error}");
    }
}
