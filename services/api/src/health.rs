//! What those who run the process ask: is it alive, may it get traffic, how is it doing.

mod livez;
mod metrics;
mod readyz;

pub(crate) use livez::livez;
pub(crate) use metrics::metrics;
pub(crate) use readyz::readyz;
