//! Runs random cases in parallel and reports a small case that fails.
//!
//! This module must never write a failing case into the source tree. A failure prints the operations themselves.

mod smallest;

use std::fmt::{Debug, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::{Builder, Handle};

/// Number of cases per property, unless `PROPTEST_CASES` overrides it.
const CASES: u32 = 96;

/// Maximum number of operations in a case. Most cases have at most half as many.
const OPERATIONS: usize = 90;

/// Number of cases that run in parallel. They mostly wait for their server.
const WORKERS: u32 = 32;

/// Maximum duration of one case.
const DEADLINE: Duration = Duration::from_secs(30);

/// Set by the worker that fails first. One failure is enough, so the other workers stop.
type FirstFailure = OnceLock<()>;

/// Runs cases of random operations. If `play` fails on a case, panics with a small failing case.
pub(super) fn check<S, F>(operation: impl Fn() -> S + Sync, play: impl Fn(Vec<S::Value>) -> F + Sync)
where
    S: Strategy,
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = FirstFailure::new();
    let work = || work(runtime.handle(), &first, operation(), &play);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        if let Some(failure) = workers.into_iter().find_map(|worker| worker.join().unwrap()) {
            panic!("{failure}");
        }
    });
}

/// Runs one worker's share of the cases. Returns the failure if this worker is the first to fail.
fn work<S, F>(
    runtime: &Handle,
    first: &FirstFailure,
    operation: S,
    play: impl Fn(Vec<S::Value>) -> F,
) -> Option<String>
where
    S: Strategy,
    F: Future<Output = anyhow::Result<()>>,
{
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let fault = |operations| fault(runtime, play(operations));
    for _ in 0..cases().div_ceil(WORKERS) {
        if first.get().is_some() {
            return None;
        }
        let count = (1..=OPERATIONS).new_tree(&mut runner).unwrap().current();
        let case: Vec<_> = (0..count).map(|_| operation.new_tree(&mut runner).unwrap()).collect();
        if let Some(found) = fault(case.iter().map(ValueTree::current).collect()) {
            first.set(()).ok()?;
            let (operations, found) = smallest::search(case, found, fault);
            return Some(describe(&operations, &found));
        }
    }
    None
}

fn cases() -> u32 {
    if std::env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { CASES }
}

/// Runs a case and returns its fault, if any.
fn fault(runtime: &Handle, case: impl Future<Output = anyhow::Result<()>>) -> Option<String> {
    let in_time = async { tokio::time::timeout(DEADLINE, case).await.context("the case does not end")? };
    // The panic message is already printed, but the report still needs the operations that led to the panic.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(in_time)));
    let error = outcome.unwrap_or_else(|_| Err(anyhow!("it panics"))).err()?;
    Some(format!("{error:#}"))
}

/// Lists the operations, one per line, with the numbers that the fault uses.
fn describe(operations: &[impl Debug], fault: &str) -> String {
    let mut text = format!("{fault}\nThe operations were:\n");
    for (number, operation) in operations.iter().enumerate() {
        writeln!(text, "{number:3}. {operation:?}").unwrap();
    }
    text
}
