//! Finds the PostgreSQL installations of this machine: programs that run a server, and programs that dump and restore.
//!
//! This module must never choose a version that cannot read the cluster or server at hand, and never download anything.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;

/// The environment variable that names the folder of PostgreSQL's programs.
const FOLDER_VARIABLE: &str = "DAYBOOK_POSTGRES_BIN";

/// Programs that a folder must hold for a purpose. The last one tells the version.
type ProgramNames = &'static [&'static str];

/// Needed to run a server.
const SERVER: ProgramNames = &["initdb", "pg_ctl", "postgres"];

/// Needed to dump and restore a database. A machine may have these without a server.
const DUMP: ProgramNames = &["pg_restore", "pg_dump"];

/// Needed for a `psql` of the server's version.
const PSQL: ProgramNames = &["psql", "initdb", "pg_ctl", "postgres"];

/// Where distributions keep several versions side by side: parent, prefix of the version's folder, path inside it.
const VERSIONED_PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// The programs that dump and restore a database.
#[derive(Debug, Clone)]
pub struct DumpPrograms {
    /// Path of `pg_dump`.
    pub pg_dump: PathBuf,
    /// Path of `pg_restore`.
    pub pg_restore: PathBuf,
}

impl DumpPrograms {
    /// Finds the programs for a server of major version `server`, private or not. A `pg_dump` cannot read a server newer
    /// than itself; of the others, the one closest to the server's version is chosen.
    ///
    /// # Errors
    /// [`Error::NoDumpPrograms`] or [`Error::ProgramMissing`], which say what to install or set.
    pub fn find(server: u32) -> Result<Self, Error> {
        let installed = match Installation::find_all(DUMP) {
            Err(Error::NotInstalled { .. }) => Vec::new(),
            found => found?,
        };
        let found = Installation::closest(installed, server)?;
        Ok(Self { pg_dump: found.program("pg_dump"), pg_restore: found.program("pg_restore") })
    }
}

/// Path of a client program (`psql`, `pg_restore`) in the first installation that has `psql`.
///
/// # Errors
/// [`Error::NotInstalled`] or [`Error::ProgramMissing`], which say what to install or set.
pub fn client_program(name: &str) -> Result<PathBuf, Error> {
    Ok(Installation::find_all(PSQL)?[0].program(name))
}

/// A folder of PostgreSQL's programs and their major version.
#[derive(Debug, Clone)]
pub(crate) struct Installation {
    dir: PathBuf,
    major: u32,
}

impl Installation {
    /// The installation that runs the cluster in `server_dir`: of its version if it exists, else the preferred one.
    pub(crate) fn for_cluster(server_dir: &Path, version: Option<u32>) -> Result<Self, Error> {
        Self::choose(Self::find_all(SERVER)?, server_dir, version)
    }

    /// All installations with these programs, the preferred one first; at least one.
    fn find_all(programs: ProgramNames) -> Result<Vec<Self>, Error> {
        match std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Ok(vec![Self::in_named_folder(Path::new(&folder), programs)?]),
            None => Self::in_folders(&usual_places(), programs),
        }
    }

    fn in_named_folder(dir: &Path, programs: ProgramNames) -> Result<Self, Error> {
        let missing = |program| Error::ProgramMissing { dir: dir.to_owned(), program };
        if let Some(program) = missing_program(dir, programs) {
            return Err(missing(program));
        }
        Self::in_folder(dir, programs).ok_or_else(|| missing(programs.last().copied().unwrap_or_default()))
    }

    fn in_folders(folders: &[PathBuf], programs: ProgramNames) -> Result<Vec<Self>, Error> {
        let found: Vec<_> = folders.iter().filter_map(|folder| Self::in_folder(folder, programs)).collect();
        if found.is_empty() { Err(Error::NotInstalled { searched: folders.to_vec() }) } else { Ok(found) }
    }

    fn in_folder(dir: &Path, programs: ProgramNames) -> Option<Self> {
        if missing_program(dir, programs).is_some() {
            return None;
        }
        let major = major_version(&dir.join(programs.last()?))?;
        Some(Self { dir: dir.to_owned(), major })
    }

    fn choose(installed: Vec<Self>, server_dir: &Path, version: Option<u32>) -> Result<Self, Error> {
        let versions = list_versions(&installed);
        let matches = |found: &Self| version.is_none_or(|version| version == found.major);
        installed.into_iter().find(matches).ok_or_else(|| Error::VersionMismatch {
            server_dir: server_dir.to_owned(),
            cluster: version.unwrap_or_default(),
            installed: versions,
        })
    }

    fn closest(installed: Vec<Self>, server: u32) -> Result<Self, Error> {
        let versions = list_versions(&installed);
        let usable = installed.into_iter().filter(|found| found.major >= server);
        usable.min_by_key(|found| found.major).ok_or(Error::NoDumpPrograms { server, installed: versions })
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn list_versions(installed: &[Installation]) -> String {
    installed.iter().map(|found| found.major.to_string()).collect::<Vec<_>>().join(", ")
}

fn missing_program(dir: &Path, programs: ProgramNames) -> Option<&'static str> {
    programs.iter().copied().find(|program| !dir.join(program).is_file())
}

/// Reads the major version from `postgres (PostgreSQL) 15.14 (Debian …)`.
fn major_version(program: &Path) -> Option<u32> {
    let text = first_line(Command::new(program).arg("--version"))?;
    let number = text.split_whitespace().nth(2)?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn first_line(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned).filter(|_| output.status.success())
}

fn usual_places() -> Vec<PathBuf> {
    let configured = first_line(Command::new("pg_config").arg("--bindir")).map(PathBuf::from);
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let versioned =
        VERSIONED_PLACES.iter().flat_map(|(parent, prefix, rest)| newest_first(parent, prefix, rest));
    let mut places: Vec<PathBuf> =
        configured.into_iter().chain(on_path.into_iter().flatten()).chain(versioned).collect();
    let mut seen = std::collections::HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

fn newest_first(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((version_of_folder(&entry.file_name(), prefix)?, entry.path().join(rest))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

/// `16` for `16`, `pgsql-16` and `postgresql@16`; 0 for a plain `postgresql`.
fn version_of_folder(name: &OsStr, prefix: &str) -> Option<u32> {
    let rest = name.to_str()?.strip_prefix(prefix)?.trim_start_matches('@');
    if rest.is_empty() { Some(0) } else { rest.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_server_programs_are_reported_with_the_remedies() {
        let empty = tempfile::tempdir().unwrap();
        let folders = [empty.path().to_owned()];
        let message = Installation::in_folders(&folders, SERVER).unwrap_err().to_string();
        for remedy in
            ["apt-get install postgresql", "brew install postgresql", "DAYBOOK_POSTGRES_BIN", "DATABASE_URL"]
        {
            assert!(message.contains(remedy), "`{remedy}` is not in: {message}");
        }
        assert!(message.contains(&empty.path().display().to_string()));
    }

    #[test]
    fn a_named_folder_without_the_programs_is_reported_with_its_variable() {
        let empty = tempfile::tempdir().unwrap();
        let message = Installation::in_named_folder(empty.path(), SERVER).unwrap_err().to_string();
        assert!(message.contains("DAYBOOK_POSTGRES_BIN") && message.contains("initdb"), "{message}");
    }

    #[test]
    fn a_cluster_of_another_major_version_is_refused() {
        let installed = vec![Installation { dir: PathBuf::from("/nowhere"), major: 17 }];
        let message = Installation::choose(installed, Path::new("/data"), Some(15)).unwrap_err().to_string();
        assert!(message.contains("written by PostgreSQL 15") && message.contains("version 17"), "{message}");
    }

    #[test]
    fn the_installation_that_wrote_the_cluster_is_preferred() {
        let installed =
            [17, 15].map(|major| Installation { dir: PathBuf::from(format!("/pg/{major}")), major }).to_vec();
        let chosen = Installation::choose(installed.clone(), Path::new("/data"), Some(15)).unwrap();
        assert_eq!(chosen.program("initdb"), Path::new("/pg/15/initdb"));
        assert_eq!(Installation::choose(installed, Path::new("/data"), None).unwrap().major, 17);
    }

    #[test]
    fn dump_programs_older_than_the_server_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for program in DUMP {
            let path = folder.path().join(program);
            fs::write(&path, "#!/bin/sh\necho 'tool (PostgreSQL) 15.3 (Test)'\n").unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let find = |server| {
            Installation::closest(vec![Installation::in_named_folder(folder.path(), DUMP).unwrap()], server)
        };
        assert_eq!((find(15).unwrap().major, find(13).unwrap().major), (15, 15));
        let message = find(16).unwrap_err().to_string();
        for part in ["PostgreSQL 16", "found: 15", "DAYBOOK_POSTGRES_BIN"] {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn versions_are_read_from_folder_names() {
        assert_eq!(version_of_folder(OsStr::new("16"), ""), Some(16));
        assert_eq!(version_of_folder(OsStr::new("pgsql-15"), "pgsql-"), Some(15));
        assert_eq!(version_of_folder(OsStr::new("postgresql@14"), "postgresql"), Some(14));
        assert_eq!(version_of_folder(OsStr::new("postgresql"), "postgresql"), Some(0));
        assert_eq!(version_of_folder(OsStr::new("share"), ""), None);
    }
}
