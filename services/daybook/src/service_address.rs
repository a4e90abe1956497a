//! The address of a running `daybook serve`: a file in the data dir for other commands, and requests to the address.
//!
//! The file is a hint. Only an answer proves that a service runs.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The file in the data dir.
const FILE_NAME: &str = "listening";

/// Longest time to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longest time to wait for `/readyz`, whose checks take up to two seconds each.
const CHECKS_PATIENCE: Duration = Duration::from_secs(8);

/// Bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 16 * 1024;

/// The address file of this service. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Announcement {
    file: PathBuf,
    address: SocketAddr,
}

/// Writes the address file. The service works without it.
pub(crate) fn announce(data_dir: &Path, address: SocketAddr) -> Announcement {
    let file = data_dir.join(FILE_NAME);
    if let Err(error) = fs::write(&file, format!("{address}\n")) {
        tracing::debug!(%error, file = %file.display(), "the address of the service could not be written");
    }
    Announcement { file, address }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Another service on the same data dir may have written its own address since.
        if read(&self.file) == Some(self.address) && fs::remove_file(&self.file).is_err() {
            tracing::debug!(file = %self.file.display(), "the address of the service could not be removed");
        }
    }
}

/// The address of the last service of this data dir.
pub(crate) fn announced(data_dir: &Path) -> Option<SocketAddr> {
    read(&data_dir.join(FILE_NAME))
}

fn read(file: &Path) -> Option<SocketAddr> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Whether a service answers at the address.
pub(crate) async fn answers(address: SocketAddr) -> bool {
    let asked = tokio::time::timeout(PATIENCE, ask(address, "/livez")).await;
    asked.is_ok_and(|answer| answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")))
}

/// The checks of `/readyz` at the address.
pub(crate) async fn checks(address: SocketAddr) -> Option<Value> {
    let answer = tokio::time::timeout(CHECKS_PATIENCE, ask(address, "/readyz")).await.ok()?.ok()?;
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let body: Value = serde_json::from_slice(answer.get(head + 4..)?).ok()?;
    body.get("checks").cloned()
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_file_is_removed_with_its_service_unless_another_has_written_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
        let announcement = announce(folder.path(), first);
        assert_eq!(announced(folder.path()), Some(first));
        let later = announce(folder.path(), second);
        drop(announcement);
        assert_eq!(announced(folder.path()), Some(second));
        drop(later);
        assert_eq!(announced(folder.path()), None);
    }

    #[tokio::test]
    async fn a_closed_port_does_not_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(!answers(address).await);
    }
}
