//! The protocol's messages, servers and clients, generated from the definitions in `proto/`.
//!
//! Do not write code here by hand, and do not change the definitions to suit this server: they are the protocol.

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    reason = "generated"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/protocol.rs"));
}

pub(crate) use generated::daybook::stored;
pub use generated::event_store::client::*;
pub use generated::google;
