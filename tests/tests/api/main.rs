//! Tests of the API over HTTP: the real application on a port, with a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod admin;
mod admission;
mod answers;
mod bad_input;
mod booking;
mod boundaries;
mod check;
mod client;
mod clock_jumps;
mod closures;
mod concerned;
mod guardrails;
mod health;
mod lists;
mod migration;
mod one_patient;
mod origins;
mod own_bookings;
mod permissions;
mod reading;
mod repeated;
mod request;
mod routing;
mod search;
mod services;
mod staff;
mod strangers;
mod tokens;
mod unknown_input;
mod unreadable;
mod values;
mod wrong_values;
