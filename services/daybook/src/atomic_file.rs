//! A file that is not whole yet, beside the place where it is to stand.
//!
//! Others must never be able to read it: patients' details in it are sealed, but who came when is not. It never takes
//! the place of another file unasked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::failure::UsageError;

/// For its owner alone.
const MODE: u32 = 0o600;

/// Ends the name of a file that is not whole yet.
pub(crate) const SUFFIX: &str = ".part";

/// A file that is being written. Unless it is kept, dropping it removes it.
pub(crate) struct AtomicFile {
    file: File,
    path: PathBuf,
    place: PathBuf,
    is_kept: bool,
}

impl AtomicFile {
    /// Makes it beside its place. What an earlier attempt left there is replaced.
    pub(crate) fn create(place: &Path) -> anyhow::Result<Self> {
        let mut name = place.as_os_str().to_owned();
        name.push(SUFFIX);
        let path = PathBuf::from(name);
        let created = unless_missing(fs::remove_file(&path))
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path));
        let file = created.with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self { file, path, place: place.to_owned(), is_kept: false })
    }

    /// To write to.
    pub(crate) const fn out(&self) -> &File {
        &self.file
    }

    /// Brings it to the disk and gives it its name.
    pub(crate) fn keep(mut self) -> anyhow::Result<()> {
        let kept = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.place));
        kept.with_context(|| format!("cannot make `{}`", self.place.display()))?;
        self.is_kept = true;
        // The name is on the disk only once its folder is.
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.with_context(|| format!("cannot write the folder of `{}`", self.place.display()))
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

/// Refuses to take the place of another file unasked, and of what is no file in any case.
pub(crate) fn check_free(file: &Path, force: bool) -> anyhow::Result<()> {
    match std::fs::symlink_metadata(file) {
        Ok(found) if force && found.is_file() => Ok(()),
        Ok(found) if found.is_file() => {
            Err(UsageError(format!("there is a file `{}` already; --force replaces it", file.display()))
                .into())
        }
        Ok(_) => Err(UsageError(format!("`{}` is something else than a file", file.display())).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot look at `{}`", file.display())),
    }
}

/// Takes the removal of what is not there for done.
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
    fn a_file_has_its_name_only_once_it_is_whole_and_is_its_owner_s_alone() {
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
    fn what_is_broken_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(AtomicFile::create(&folder.path().join("log.jsonl")).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_replaced_only_if_that_is_meant_and_what_is_none_never() {
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
