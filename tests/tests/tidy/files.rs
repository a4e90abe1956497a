//! Walks the files of the workspace.
//!
//! It must never follow links or look into what tools made.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no sources of ours.
const SKIPPED: [&str; 4] = ["target", ".git", ".daybook", "node_modules"];

/// How deep the tree may be, so that a walk always ends.
const MAX_DEPTH: usize = 12;

/// A file and what is in it.
pub(crate) struct SourceFile {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// All files below `root` with this extension, in the order of their paths.
pub(crate) fn below(root: &Path, extension: &str) -> Vec<SourceFile> {
    let mut found = Vec::new();
    walk(root, MAX_DEPTH, &mut |path| {
        if path.extension().is_some_and(|own| own == extension) {
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push(SourceFile { path: path.strip_prefix(root).unwrap().to_owned(), text });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, depth: usize, visit: &mut impl FnMut(&Path)) {
    assert!(depth > 0, "{} lies too deep", folder.display());
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (kind, name) = (entry.file_type().unwrap(), entry.file_name());
        if kind.is_file() {
            visit(&entry.path());
        } else if kind.is_dir() && !SKIPPED.iter().any(|skipped| name == *skipped) {
            walk(&entry.path(), depth - 1, visit);
        }
    }
}
