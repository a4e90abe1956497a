//! Events that cannot be applied: dependent events wait, all others continue, and after a retry the views equal a
//! rebuild.

mod damage;
mod discarding;
mod live;
mod poison;
mod rebuilding;
mod retries;
mod unwritable;
