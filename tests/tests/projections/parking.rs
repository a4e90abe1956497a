//! Events that cannot be taken in: what is about the same waits, all else goes on, and what is mended ends as a rebuild has
//! it.

mod damage;
mod discarding;
mod live;
mod mending;
mod rebuilding;
