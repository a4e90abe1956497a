//! The API as clients meet it: the real application on a port, over a real PostgreSQL, asked over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod admin;
mod bad_input;
mod booking;
mod check;
mod closures;
mod edge;
mod guardrails;
mod health;
mod migration;
mod reading;
mod routing;
mod search;
mod staff;
mod told;
