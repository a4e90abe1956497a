//! What serves, who may write, and how far each view has come.

pub mod error;
pub mod generation;
pub mod ids;
pub mod leader;
pub(crate) mod locks;
pub mod notify;
