//! SQL that reads: queries, the router, serving views, lag.

pub mod lag;
pub mod query;
pub mod question;
pub mod router;
pub mod snapshot;
pub mod views;
