//! Health checks and metrics for operators and load balancers.

mod livez;
mod metrics;
mod readyz;

pub(crate) use livez::livez;
pub(crate) use metrics::metrics;
pub(crate) use readyz::readyz;
