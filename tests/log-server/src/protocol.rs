//! The messages, servers and clients of the protocol, generated from the definitions in `proto/`.
//!
//! Nothing is written here by hand, and nothing here may be changed for the sake of this server: it is the protocol.

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
