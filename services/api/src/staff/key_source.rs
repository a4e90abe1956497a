//! Where the key set of staff tokens comes from: a file or a URL. Loading is bounded in size, time and redirects.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use key_set_client::redirect::Policy;
use key_set_client::{Client, StatusCode, Url, header};
use tokio::io::AsyncReadExt;

/// Largest document, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Longest time to load a document.
const DEADLINE: Duration = Duration::from_secs(10);

/// A file or a URL with a JSON Web Key Set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySource(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Url(Url),
}

/// The text names neither a file nor an acceptable URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "use the path of a file, or an https URL without a user and a password; http is allowed for this machine only"
)]
pub struct InvalidKeySource;

/// Why a key set could not be loaded. No text contains the URL.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    #[error("cannot read the key set `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the key set cannot be fetched")]
    Fetch(#[source] key_set_client::Error),
    /// A redirect counts too: it is not followed.
    #[error("the key set cannot be fetched: its server answered with status {0}")]
    Status(u16),
    #[error("the key set did not arrive within {} seconds", DEADLINE.as_secs())]
    Late,
    #[error("the key set is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the document is not a JSON Web Key Set")]
    Malformed(#[source] serde_json::Error),
}

impl FromStr for KeySource {
    type Err = InvalidKeySource;

    fn from_str(text: &str) -> Result<Self, InvalidKeySource> {
        if !text.contains("://") {
            return if text.is_empty() { Err(InvalidKeySource) } else { Ok(Self(Place::File(text.into()))) };
        }
        let url = Url::parse(text).map_err(|_| InvalidKeySource)?;
        let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url);
        let has_secret = !url.username().is_empty() || url.password().is_some();
        if is_safe && !has_secret { Ok(Self(Place::Url(url))) } else { Err(InvalidKeySource) }
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.to_canonical().is_loopback())
}

impl fmt::Display for KeySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => path.display().fmt(formatter),
            Place::Url(url) => formatter.write_str(&url.origin().ascii_serialization()),
        }
    }
}

impl KeySource {
    pub(super) const fn is_file(&self) -> bool {
        matches!(self.0, Place::File(_))
    }

    /// Loads the document.
    pub(super) async fn load(&self) -> Result<Vec<u8>, KeySetError> {
        let loaded = tokio::time::timeout(DEADLINE, async {
            match &self.0 {
                Place::File(path) => read(path).await,
                Place::Url(url) => fetch(url).await,
            }
        });
        loaded.await.map_err(|_| KeySetError::Late)?
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, KeySetError> {
    let failed = |source| KeySetError::File { path: path.to_owned(), source };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut document = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut document).await.map_err(failed)?;
    if document.len() > MAX_BYTES { Err(KeySetError::TooLarge) } else { Ok(document) }
}

async fn fetch(url: &Url) -> Result<Vec<u8>, KeySetError> {
    let failed = |error: key_set_client::Error| KeySetError::Fetch(error.without_url());
    let client = Client::builder().redirect(Policy::none());
    // A proxy cannot reach this machine by its loopback address.
    let client = if is_this_machine(url) { client.no_proxy() } else { client.https_only(true) };
    let request = client.build().map_err(failed)?.get(url.clone()).header(header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(failed)?;
    if response.status() != StatusCode::OK {
        return Err(KeySetError::Status(response.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if document.len() + chunk.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn keys_come_from_a_file_or_over_tls() {
        let source = |text: &str| text.parse::<KeySource>();
        assert!(
            source("/etc/daybook/keys.json").unwrap().is_file() && source("keys.json").unwrap().is_file()
        );
        for url in [
            "https://login.example/keys",
            "http://127.0.0.1:9/keys",
            "http://localhost/keys",
            "http://[::1]:9/keys",
            "https://[2001:db8::1]/keys",
        ] {
            assert!(!source(url).unwrap().is_file(), "{url}");
        }
        for wrong in [
            "",
            "http://login.example/keys",
            "http://127.0.0.1.evil.example/keys",
            "https://user:secret@login.example/keys",
            "ftp://login.example/keys",
            "file:///etc/keys.json",
            "https://",
        ] {
            assert_eq!(source(wrong), Err(InvalidKeySource), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_missing_or_too_large_is_an_error() {
        let folder = std::env::temp_dir().join(format!("daybook-keys-{}", uuid::Uuid::new_v4()));
        let source: KeySource = folder.to_str().unwrap().parse().unwrap();
        assert!(matches!(source.load().await, Err(KeySetError::File { .. })));
        std::fs::write(&folder, vec![b' '; MAX_BYTES + 1]).unwrap();
        assert!(matches!(source.load().await, Err(KeySetError::TooLarge)));
        std::fs::remove_file(&folder).unwrap();
    }
}
