//! What serves, who may write, and how far each view has come.

pub mod error;
pub mod generation;
pub mod leader;
