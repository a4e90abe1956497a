//! Finds PostgreSQL's programs on this machine: those that run a server, and those that dump and restore a database.
//!
//! It must never pick a version that cannot read the cluster or the server at hand, and never download anything.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// What a folder must hold to be of use for something. The last of them tells the version.
type Programs = &'static [&'static str];

/// To run a server.
const SERVER: Programs = &["initdb", "pg_ctl", "postgres"];

/// To dump and restore a database. A machine may have these alone.
const DUMPING: Programs = &["pg_restore", "pg_dump"];

/// Where distributions keep several versions side by side: parent, beginning of the version's folder, the rest.
const VERSIONED_PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Library/PostgreSQL", "", "bin"),
];

/// A folder of PostgreSQL's programs and the major version they are of.
#[derive(Debug, Clone)]
pub(super) struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The programs in `explicit` if it is given, else those of the first usual place; of the places, one whose version
    /// is `wanted` (that of an existing cluster) where it is given.
    pub(super) fn find(explicit: Option<&Path>, home: &Path, wanted: Option<u32>) -> Result<Self, Error> {
        let found = match explicit {
            Some(dir) => vec![Self::in_named_folder(dir, SERVER)?],
            None => Self::in_folders(&usual_places())?,
        };
        Self::choose(found, home, wanted)
    }

    /// The programs that dump and restore a database of a server of this major version: in `explicit` if it is given, else
    /// in the usual places. An older `pg_dump` than the server is of no use; of newer ones the nearest is taken.
    pub(super) fn find_for_dumps(explicit: Option<&Path>, server: u32) -> Result<Self, Error> {
        let found = match explicit {
            Some(dir) => vec![Self::in_named_folder(dir, DUMPING)?],
            None => Self::all_in(&usual_places(), DUMPING),
        };
        let installed = list_majors(&found);
        let fit = found.into_iter().filter(|binaries| binaries.major >= server);
        fit.min_by_key(|binaries| binaries.major).ok_or(Error::DumpToolsMissing { server, installed })
    }

    fn in_named_folder(dir: &Path, programs: Programs) -> Result<Self, Error> {
        let incomplete = |program| Error::BinariesIncomplete { dir: dir.to_owned(), program };
        if let Some(program) = missing_program(dir, programs) {
            return Err(incomplete(program));
        }
        Self::in_folder(dir, programs).ok_or_else(|| incomplete(programs.last().copied().unwrap_or_default()))
    }

    /// All usable ones for a server among `folders`, in that order.
    pub(super) fn in_folders(folders: &[PathBuf]) -> Result<Vec<Self>, Error> {
        let found = Self::all_in(folders, SERVER);
        if found.is_empty() { Err(Error::BinariesMissing { searched: folders.to_vec() }) } else { Ok(found) }
    }

    fn all_in(folders: &[PathBuf], programs: Programs) -> Vec<Self> {
        folders.iter().filter_map(|folder| Self::in_folder(folder, programs)).collect()
    }

    fn in_folder(dir: &Path, programs: Programs) -> Option<Self> {
        if missing_program(dir, programs).is_some() {
            return None;
        }
        let major = major_version(&dir.join(programs.last()?))?;
        Some(Self { dir: dir.to_owned(), major })
    }

    fn choose(found: Vec<Self>, home: &Path, wanted: Option<u32>) -> Result<Self, Error> {
        let installed = list_majors(&found);
        let chosen =
            found.into_iter().find(|binaries| wanted.is_none_or(|version| version == binaries.major));
        chosen.ok_or_else(|| Error::VersionMismatch {
            home: home.to_owned(),
            cluster: wanted.unwrap_or_default(),
            installed,
        })
    }

    /// Path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Path of one that not every installation has.
    pub(super) fn existing_program(&self, name: &'static str) -> Result<PathBuf, Error> {
        let path = self.program(name);
        let missing = || Error::BinariesIncomplete { dir: self.dir.clone(), program: name };
        if path.is_file() { Ok(path) } else { Err(missing()) }
    }
}

fn list_majors(found: &[Binaries]) -> String {
    found.iter().map(|binaries| binaries.major.to_string()).collect::<Vec<_>>().join(", ")
}

fn missing_program(dir: &Path, programs: Programs) -> Option<&'static str> {
    programs.iter().copied().find(|program| !dir.join(program).is_file())
}

/// The major version out of `postgres (PostgreSQL) 15.14 (Debian …)`.
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
    //! What is found and what is said when nothing is.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn missing_programs_are_reported_with_what_to_install_or_set() {
        let empty = tempfile::tempdir().unwrap();
        let message = Binaries::in_folders(&[empty.path().to_owned()]).unwrap_err().to_string();
        for remedy in
            ["apt-get install postgresql", "brew install postgresql", "DAYBOOK_POSTGRES_BIN", "DATABASE_URL"]
        {
            assert!(message.contains(remedy), "`{remedy}` is not in: {message}");
        }
        assert!(message.contains(&empty.path().display().to_string()));
    }

    #[test]
    fn a_named_folder_without_the_programs_is_reported_by_its_variable() {
        let empty = tempfile::tempdir().unwrap();
        let message = Binaries::find(Some(empty.path()), empty.path(), None).unwrap_err().to_string();
        assert!(message.contains("DAYBOOK_POSTGRES_BIN") && message.contains("initdb"), "{message}");
    }

    #[test]
    fn a_cluster_of_another_major_version_is_refused() {
        let installed = vec![Binaries { dir: PathBuf::from("/nowhere"), major: 17 }];
        let message = Binaries::choose(installed, Path::new("/data"), Some(15)).unwrap_err().to_string();
        assert!(message.contains("written by PostgreSQL 15") && message.contains("version 17"), "{message}");
    }

    #[test]
    fn of_several_versions_the_one_that_wrote_the_cluster_is_taken() {
        let of = |major| Binaries { dir: PathBuf::from(format!("/pg/{major}")), major };
        let chosen = Binaries::choose(vec![of(17), of(15)], Path::new("/data"), Some(15)).unwrap();
        assert_eq!(chosen.program("initdb"), Path::new("/pg/15/initdb"));
        assert_eq!(Binaries::choose(vec![of(17), of(15)], Path::new("/data"), None).unwrap().major, 17);
    }

    #[test]
    fn a_server_that_is_newer_than_the_programs_cannot_be_dumped_by_them() {
        let folder = tempfile::tempdir().unwrap();
        for program in DUMPING {
            let path = folder.path().join(program);
            fs::write(&path, "#!/bin/sh\necho 'tool (PostgreSQL) 15.3 (Test)'\n").unwrap();
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        }
        let find = |server| Binaries::find_for_dumps(Some(folder.path()), server);
        assert_eq!((find(15).unwrap().major, find(13).unwrap().major), (15, 15));
        let message = find(16).unwrap_err().to_string();
        for part in ["PostgreSQL 16", "of version: 15", "DAYBOOK_POSTGRES_BIN"] {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn versions_are_read_from_the_folder_names_of_distributions() {
        assert_eq!(version_of_folder(OsStr::new("16"), ""), Some(16));
        assert_eq!(version_of_folder(OsStr::new("pgsql-15"), "pgsql-"), Some(15));
        assert_eq!(version_of_folder(OsStr::new("postgresql@14"), "postgresql"), Some(14));
        assert_eq!(version_of_folder(OsStr::new("postgresql"), "postgresql"), Some(0));
        assert_eq!(version_of_folder(OsStr::new("share"), ""), None);
    }
}
