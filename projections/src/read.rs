//! SQL that reads: queries, routing, live views, lag, snapshots. It must not write.

pub mod lag;
pub mod query;
pub mod question;
pub mod router;
pub mod routing;
pub mod settled;
pub mod snapshot;
pub mod views;
