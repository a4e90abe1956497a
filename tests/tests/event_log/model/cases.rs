//! Running random cases, many at a time, and telling what a small one that fails does.
//!
//! It must never write what it found into the tree: a failure prints the operations themselves.

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

/// Cases of each property, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 96;

/// The most operations of a case; half as many is what most have.
const OPERATIONS: usize = 90;

/// Cases that run at a time. Mostly they wait for their server.
const WORKERS: u32 = 32;

/// Longest time that one case may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The failure that came first. One is enough to look at; who sees it stops.
type FirstFailure = OnceLock<()>;

/// Runs cases of random operations, and fails with a small one on which `play` fails.
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

/// Runs one worker's share of the cases. Gives the failure if it has the first.
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

/// What goes wrong in a case, if anything does.
fn fault(runtime: &Handle, case: impl Future<Output = anyhow::Result<()>>) -> Option<String> {
    let in_time = async { tokio::time::timeout(DEADLINE, case).await.context("the case does not end")? };
    // A panic has printed itself; the operations that led to it are still to be told.
    let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(in_time)));
    let error = outcome.unwrap_or_else(|_| Err(anyhow!("it panics"))).err()?;
    Some(format!("{error:#}"))
}

/// The operations one a line, numbered as the fault numbers them.
fn describe(operations: &[impl Debug], fault: &str) -> String {
    let mut text = format!("{fault}\nThe operations were:\n");
    for (number, operation) in operations.iter().enumerate() {
        writeln!(text, "{number:3}. {operation:?}").unwrap();
    }
    text
}
