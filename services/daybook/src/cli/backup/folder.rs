//! The folder of a backup: one that is being created, which gets its name once it is complete, and a complete one.
//!
//! Other users must never be able to read it. It must never replace anything, and it removes only its own files.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::manifest::{FileSum, MANIFEST_FILE, Manifest};
use crate::atomic_file::{SUFFIX, unless_missing};
use crate::error::UsageError;

/// Only the owner may enter.
const MODE: u32 = 0o700;

/// The dump of Daybook's schemas but for the views.
pub(in crate::cli) const DATABASE_FILE: &str = "database.dump";

/// The dump of the table that says which migrations have run.
pub(in crate::cli) const HISTORY_FILE: &str = "migrations.dump";

/// The log as `daybook events export` writes it.
pub(in crate::cli) const LOG_FILE: &str = "log.jsonl";

/// All files but the manifest, in the order in which they are written.
pub(in crate::cli) const FILES: [&str; 3] = [DATABASE_FILE, HISTORY_FILE, LOG_FILE];

/// An incomplete backup, beside its final path. Dropping it removes it, unless it was kept.
pub(in crate::cli) struct Unfinished {
    path: PathBuf,
    place: PathBuf,
    is_kept: bool,
}

impl Unfinished {
    /// Creates the folder and removes the leftovers of an earlier attempt.
    pub(in crate::cli) fn create(place: &Path) -> anyhow::Result<Self> {
        name_of(place)?;
        check_free(place)?;
        let mut path = place.as_os_str().to_owned();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        remove(&path).with_context(|| {
            format!("cannot remove `{}`, which an interrupted backup left behind", path.display())
        })?;
        let created = DirBuilder::new().mode(MODE).create(&path);
        created.with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self { path, place: place.to_owned(), is_kept: false })
    }

    /// Where it is written.
    pub(in crate::cli) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name. All files have to be on disk.
    pub(in crate::cli) fn keep(mut self) -> anyhow::Result<()> {
        // Another process may have created something there meanwhile.
        check_free(&self.place)?;
        let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
        let kept = sync(&self.path).and_then(|()| fs::rename(&self.path, &self.place));
        kept.with_context(|| format!("cannot make `{}`", self.place.display()))?;
        self.is_kept = true;
        let parent = self.place.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))
            .with_context(|| format!("cannot write the folder of `{}`", self.place.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing is lost by a leftover; the next attempt removes it.
            let _ = remove(&self.path);
        }
    }
}

/// A complete backup.
pub(in crate::cli) struct Backup {
    folder: PathBuf,
    /// The last part of its path, which may be recorded.
    pub(in crate::cli) name: String,
    pub(in crate::cli) manifest: Manifest,
    /// SHA-256 of its manifest's file.
    pub(in crate::cli) manifest_sha256: String,
}

impl Backup {
    /// Reads the manifest, not the files.
    pub(in crate::cli) fn open(folder: &Path) -> anyhow::Result<Self> {
        let name = name_of(folder)?;
        if name.ends_with(SUFFIX) {
            bail!("`{}` is an incomplete backup. Use another backup, or make a new one", folder.display());
        }
        let (manifest, manifest_sha256) = Manifest::load(folder)?;
        Ok(Self { folder: folder.to_owned(), name, manifest, manifest_sha256 })
    }

    /// Path of one of its files.
    pub(in crate::cli) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Compares all files with the checksums of the manifest. Blocks.
    pub(in crate::cli) fn check_files(&self) -> anyhow::Result<()> {
        let named: Vec<&str> = self.manifest.files.iter().map(|file| file.name.as_str()).collect();
        if named != FILES {
            bail!("the manifest lists unknown files. Use the release that made the backup");
        }
        for wanted in &self.manifest.files {
            let found = FileSum::read(&self.folder, &wanted.name)?;
            if found != *wanted {
                bail!(
                    "`{}` was changed or damaged: it has {} bytes and sha256 {}, but the manifest lists {} bytes and sha256 {}. \
                     Use another copy of this backup, or another backup",
                    self.file(&wanted.name).display(),
                    found.bytes,
                    found.sha256,
                    wanted.bytes,
                    wanted.sha256
                );
            }
        }
        Ok(())
    }
}

fn name_of(folder: &Path) -> Result<String, UsageError> {
    let name = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let no_name =
        || UsageError(format!("`{}` has no name of its own. Use the path of a new folder", folder.display()));
    name.ok_or_else(no_name)
}

/// Refuses a path where something exists, except an empty folder.
fn check_free(place: &Path) -> anyhow::Result<()> {
    let taken = || UsageError(format!("`{}` is not empty. Use the path of a new folder", place.display()));
    match fs::symlink_metadata(place) {
        Ok(found) if found.is_dir() => {
            let mut entries = fs::read_dir(place).with_context(|| format!("`{}`", place.display()))?;
            if entries.next().is_some() { Err(taken().into()) } else { Ok(()) }
        }
        Ok(_) => Err(taken().into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot examine `{}`", place.display())),
    }
}

/// Removes the files and the folder of a backup. A folder with any other file is kept.
fn remove(folder: &Path) -> io::Result<()> {
    for file in FILES.into_iter().chain([MANIFEST_FILE]) {
        for name in [file.to_owned(), format!("{file}{SUFFIX}")] {
            unless_missing(fs::remove_file(folder.join(name)))?;
        }
    }
    unless_missing(fs::remove_dir(folder))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_gets_its_name_once_it_is_complete_and_only_its_owner_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("monday");
        let unfinished = Unfinished::create(&place).unwrap();
        assert!(!place.exists());
        assert_eq!(fs::metadata(unfinished.path()).unwrap().permissions().mode() & 0o777, MODE);
        fs::write(unfinished.path().join(LOG_FILE), "events").unwrap();
        unfinished.keep().unwrap();
        assert_eq!(fs::read(place.join(LOG_FILE)).unwrap(), b"events");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_interrupted_backup_leaves_nothing_and_the_next_one_removes_only_files_of_a_killed_one() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("monday");
        drop(Unfinished::create(&place).unwrap());
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);

        let left = home.path().join("monday.part");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("log.jsonl.part"), "half").unwrap();
        drop(Unfinished::create(&place).unwrap());
        fs::create_dir(&left).unwrap();
        fs::write(left.join("precious"), "mine").unwrap();
        assert!(Unfinished::create(&place).is_err());
        assert_eq!(fs::read(left.join("precious")).unwrap(), b"mine");
    }

    #[test]
    fn nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("monday");
        fs::create_dir(&place).unwrap();
        assert!(Unfinished::create(&place).is_ok(), "an empty folder may be used");
        fs::write(place.join("precious"), "mine").unwrap();
        for taken in [&place, &place.join("precious"), Path::new("/"), Path::new("..")] {
            let refused = Unfinished::create(taken).map(drop).unwrap_err();
            assert!(refused.is::<UsageError>(), "{}", taken.display());
        }
    }

    #[test]
    fn a_folder_without_a_manifest_or_with_the_name_of_an_incomplete_one_is_not_a_backup() {
        let home = tempfile::tempdir().unwrap();
        let open = |name: &str| Backup::open(&home.path().join(name)).map(drop).unwrap_err().to_string();
        fs::create_dir(home.path().join("monday")).unwrap();
        assert!(open("monday").contains(MANIFEST_FILE), "{}", open("monday"));
        assert!(open("monday.part").contains("incomplete"));
    }
}
