//! For systems on which a process cannot list its own sockets without `unsafe`: changes nothing.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;

/// Always returns `Unsupported`.
pub(super) fn enable_nodelay(_nodes: &HashSet<SocketAddr>) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
