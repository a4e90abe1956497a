//! Random operations on the protocol server, each asked of a plain model as well: whatever is asked, both answer alike.
//!
//! `port` asks by way of the adapter, `protocol` by way of the bare client, for what the adapter does not use. A model must
//! never share a line with what is tested on it: no adapter, no store, no rule of the port's own.

mod cases;
mod port;
mod positions;
mod protocol;
