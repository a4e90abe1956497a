//! `log-server`: the server as a process of its own, so that a test can kill it and start it again with its data.
//!
//! It prints one line, when it is ready, and nothing else. It ends when it is told to by a signal.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use daybook_log_server::{Options, Server, Store};

/// An event log that speaks EventStoreDB's protocol, for tests.
#[derive(Debug, Parser)]
#[command(name = "log-server")]
struct Arguments {
    /// The port on 127.0.0.1; 0 for one that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Keeps the log in this file; without it the log is gone with the process.
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
