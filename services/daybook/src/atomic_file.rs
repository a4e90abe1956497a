//! A file that gets its name once it is complete and on disk.
//!
//! Other users must never be able to read it: patients' details in it are sealed, but dates are not. It must never replace
//! another file unless that was asked for.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::error::UsageError;

/// Only the owner may read it.
const MODE: u32 = 0o600;

/// Suffix of an incomplete file.
pub(crate) const SUFFIX: &str = ".part";

/// An incomplete file. Dropping it removes it, unless it was kept.
pub(crate) struct AtomicFile {
    file: File,
    path: PathBuf,
    place: PathBuf,
    is_kept: bool,
}

impl AtomicFile {
    /// Creates the file beside its final path and replaces the leftover of an earlier attempt.
    pub(crate) fn create(place: &Path) -> anyhow::Result<Self> {
        let mut name = place.as_os_str().to_owned();
        name.push(SUFFIX);
        let path = PathBuf::from(name);
        let created = unless_missing(fs::remove_file(&path))
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path));
        let file = created.with_context(|| format!("cannot create `{}`", path.display()))?;
        Ok(Self { file, path, place: place.to_owned(), is_kept: false })
    }

    /// To write to.
    pub(crate) const fn out(&self) -> &File {
        &self.file
    }

    /// Syncs the file to disk and gives it its name.
    pub(crate) fn keep(mut self) -> anyhow::Result<()> {
        let kept = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.place));
        kept.with_context(|| format!("cannot create `{}`", self.place.display()))?;
        self.is_kept = true;
        // The name is on the disk only once its folder is.
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("cannot sync the folder of `{}`", self.place.display()))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nothing is lost by a leftover; the next attempt removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Refuses to replace a file without `force`, and anything that is not a regular file.
pub(crate) fn check_free(file: &Path, force: bool) -> anyhow::Result<()> {
    match std::fs::symlink_metadata(file) {
        Ok(found) if force && found.is_file() => Ok(()),
        Ok(found) if found.is_file() => {
            Err(UsageError(format!("`{}` exists already; --force replaces it", file.display())).into())
        }
        Ok(_) => Err(UsageError(format!("`{}` is not a regular file", file.display())).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot examine `{}`", file.display())),
    }
}

/// Treats the removal of a missing file as success.
pub(crate) fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_gets_its_name_once_it_is_complete_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("log.jsonl");
        fs::write(folder.path().join("log.jsonl.part"), "a leftover that is longer").unwrap();
        let part = AtomicFile::create(&place).unwrap();
        part.out().write_all(b"whole").unwrap();
        assert!(!place.exists());
        part.keep().unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"whole");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_interrupted_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(AtomicFile::create(&folder.path().join("log.jsonl")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_replaced_only_with_force_and_anything_else_never() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.jsonl");
        assert!(check_free(&file, false).is_ok());
        std::fs::write(&file, "precious").unwrap();
        let refused = check_free(&file, false).unwrap_err();
        assert!(refused.is::<UsageError>() && refused.to_string().contains("--force"), "{refused}");
        assert!(check_free(&file, true).is_ok());
        assert!(check_free(folder.path(), true).is_err());
    }
}
