//! What is offered can be booked, and what is booked fits: search and write against each other and against counts that
//! share no code with the rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod boundaries;
mod clinic;
mod random_days;
mod zones;
