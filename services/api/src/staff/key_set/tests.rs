//! The key set against files and a server on this machine.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const MOMENT: Duration = Duration::from_millis(10);

/// A file in a folder of its own, which is removed in the end.
struct KeyFile(PathBuf);

impl KeyFile {
    fn new(text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("daybook-keys-{}.json", uuid::Uuid::new_v4())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    async fn open(&self, trust: Duration) -> Result<KeySet, KeySetError> {
        let source = self.0.to_str().unwrap().parse().unwrap();
        let times = Times { refresh: MOMENT, retry: MOMENT, shortest: MOMENT, trust };
        KeySet::open_with(source, times).await
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        // The test may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn set(ids: &[&str]) -> String {
    let key = |id: &&str| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    serde_json::json!({ "keys": ids.iter().map(key).collect::<Vec<_>>() }).to_string()
}

fn has(keys: &KeySet, id: &str) -> bool {
    keys.current().is_some_and(|(keys, _)| keys.has(id))
}

async fn wait_until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(MOMENT).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

#[tokio::test]
async fn a_changed_file_takes_effect_and_a_broken_one_does_not() {
    let file = KeyFile::new(&set(&["a"]));
    let keys = file.open(Times::TRUST).await.unwrap();
    let (_, first) = keys.current().unwrap();
    file.write("{\"keys\": [");
    keys.shared.load().await.unwrap_err();
    assert!(has(&keys, "a") && keys.current().unwrap().1 == first);
    file.write(&set(&["b", "c"]));
    wait_until(|| has(&keys, "b")).await;
    assert!(!has(&keys, "a") && has(&keys, "c") && keys.current().unwrap().1 != first);
    file.write(&set(&[]));
    wait_until(|| !has(&keys, "b")).await;
}

#[tokio::test]
async fn keys_that_cannot_be_loaded_again_are_trusted_for_a_while_only() {
    let file = KeyFile::new(&set(&["a"]));
    let keys = file.open(Duration::from_millis(300)).await.unwrap();
    std::fs::remove_file(&file.0).unwrap();
    keys.shared.load().await.unwrap_err();
    assert!(has(&keys, "a"));
    wait_until(|| keys.current().is_none()).await;
    file.write(&set(&["a"]));
    wait_until(|| has(&keys, "a")).await;
}

#[tokio::test]
async fn a_wrong_file_is_an_error_at_the_start() {
    let file = KeyFile::new("secret");
    assert!(matches!(file.open(Times::TRUST).await, Err(KeySetError::Malformed(_))));
    std::fs::remove_file(&file.0).unwrap();
    assert!(matches!(file.open(Times::TRUST).await, Err(KeySetError::File { .. })));
}

/// A server that answers every request alike. It ends with the test's runtime.
struct KeyServer {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(status: &'static str, body: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, location) = (Arc::clone(&requests), format!("{url}/elsewhere"));
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                // A client may hang up in the middle of a body that is too large.
                let _ = connection.read(&mut [0; 4096]).await;
                let _ = connection.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { url, requests }
    }

    async fn open(&self, shortest: Duration) -> KeySet {
        let hour = Duration::from_secs(3600);
        let times = Times { refresh: hour, retry: hour, shortest, trust: hour };
        KeySet::open_with(self.url.parse().unwrap(), times).await.unwrap()
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn unknown_keys_cause_one_refresh_in_a_pause() {
    let server = KeyServer::start("200 OK", set(&["a"])).await;
    let (pause, began) = (Duration::from_millis(200), Instant::now());
    let keys = server.open(pause).await;
    assert!(has(&keys, "a"));
    wait_until(|| {
        keys.report_missing_key();
        server.requests() == 4
    })
    .await;
    assert!(began.elapsed() >= 3 * pause, "three refreshes after the first load");
}

#[tokio::test]
async fn an_issuer_that_is_unavailable_does_not_keep_the_service_from_starting() {
    for (status, body) in [
        ("302 Found", set(&["a"])),
        ("500 Internal Server Error", set(&["a"])),
        ("200 OK", "<html>".to_owned()),
        ("200 OK", format!("{}{}", set(&["a"]), " ".repeat(300_000))),
    ] {
        let server = KeyServer::start(status, body).await;
        let keys = server.open(Duration::from_secs(3600)).await;
        assert!(keys.current().is_none(), "{status}");
        assert_eq!(server.requests(), 1, "a redirect is not followed");
    }
}
