//! Which generation is live, which process may write, and how far each view has come. It must not know rows or events.

pub mod clock;
pub mod error;
pub mod generation;
pub mod ids;
pub mod leader;
pub(crate) mod locks;
pub mod notify;
pub mod write_failure;
