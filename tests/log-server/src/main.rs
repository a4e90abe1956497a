//! `log-server` runs the server as a separate process, so that a test can kill it and restart it with its data.
//!
//! It prints one line when it is ready and no other output. A signal ends it.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use daybook_log_server::{Options, Server, Store};

/// An event log that speaks EventStoreDB's protocol, for tests.
#[derive(Debug, Parser)]
#[command(name = "log-server")]
struct Arguments {
    /// The port on 127.0.0.1; 0 selects a free port.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Stores the log in this file; without it, the log is lost when the process ends.
    #[arg(long)]
    file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let store = match &arguments.file {
        Some(file) => Store::open(file).context("opening the log")?,
        None => Store::in_memory(),
    };
    let options = Options { port: arguments.port, store, ..Options::default() };
    let server = Server::start(options)
        .await
        .with_context(|| format!("listening on port {} (--port)", arguments.port))?;
    let mut out = stdout();
    writeln!(out, "listening on {}", server.address()).and_then(|()| out.flush()).context("saying so")?;
    tokio::signal::ctrl_c().await.context("waiting for the end")?;
    server.stop().await;
    Ok(())
}
