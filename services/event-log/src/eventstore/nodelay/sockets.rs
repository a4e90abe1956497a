//! Finds the sockets of this process that are connected to given addresses and turns on `TCP_NODELAY`.
//!
//! A socket is duplicated before it is inspected, so that the inspected socket is the one that is changed,
//! even if its owner closes it meanwhile. The process sends the duplicate to itself (`SCM_RIGHTS`): unlike
//! `pidfd_getfd`, containers allow that, and it needs no `unsafe`. It must never change another option, and
//! it closes every duplicate.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::net::sockopt::{set_tcp_nodelay, tcp_nodelay};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, getpeername, recvmsg};

/// Lists the open descriptors of the process.
const DESCRIPTORS: &str = "/proc/self/fd";

/// Descriptors that one scan inspects, at about a microsecond each.
const MAX_DESCRIPTORS: usize = 16_384;

/// Turns the option on where it is off. Returns the number of sockets changed.
///
/// # Errors
/// If the system does not let a process inspect its own sockets in this way.
pub(super) fn enable_nodelay(nodes: &HashSet<SocketAddr>) -> io::Result<usize> {
    let ends = UnixStream::pair()?;
    let mut changed = 0;
    for number in socket_numbers()? {
        let socket = duplicate(&ends, number)?;
        changed += usize::from(socket.is_some_and(|socket| leads_to(&socket, nodes) && turn_on(&socket)));
    }
    Ok(changed)
}

/// Sends a descriptor through a pair of sockets and receives a duplicate. `None` if it was closed since it
/// was listed.
fn duplicate((here, there): &(UnixStream, UnixStream), number: i32) -> io::Result<Option<OwnedFd>> {
    let (data, rights) = ([IoSlice::new(&[0])], [number]);
    let message = [ControlMessage::ScmRights(&rights)];
    match sendmsg::<()>(here.as_raw_fd(), &data, &message, MsgFlags::empty(), None) {
        Ok(_) => {}
        Err(Errno::EBADF) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut received = RecvAncillaryBuffer::new(&mut space);
    recvmsg(there, &mut [IoSliceMut::new(&mut [0])], &mut received, RecvFlags::CMSG_CLOEXEC)?;
    Ok(received.drain().find_map(descriptor))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum is open; only descriptors were sent")]
fn descriptor(message: RecvAncillaryMessage<'_>) -> Option<OwnedFd> {
    match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }
}

fn socket_numbers() -> io::Result<impl Iterator<Item = i32>> {
    let entries = fs::read_dir(DESCRIPTORS)?.take(MAX_DESCRIPTORS).flatten();
    let sockets = entries.filter(|entry| {
        fs::read_link(entry.path())
            .is_ok_and(|what| what.as_os_str().as_encoded_bytes().starts_with(b"socket:"))
    });
    Ok(sockets.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// A socket that is not connected leads nowhere.
fn leads_to(socket: &OwnedFd, nodes: &HashSet<SocketAddr>) -> bool {
    let peer = getpeername(socket).ok().flatten().and_then(|peer| SocketAddr::try_from(peer).ok());
    peer.is_some_and(|peer| nodes.contains(&SocketAddr::new(peer.ip().to_canonical(), peer.port())))
}

/// Whether the option was off and is on now. Sockets other than TCP do not have it.
fn turn_on(socket: impl AsFd) -> bool {
    tcp_nodelay(&socket).is_ok_and(|is_on| !is_on) && set_tcp_nodelay(&socket, true).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    #[test]
    fn only_connections_to_the_nodes_are_changed() {
        let (node, stranger) = (listener(), listener());
        let [to_node, to_stranger] =
            [&node, &stranger].map(|listener| TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let accepted = node.accept().unwrap().0;
        let nodes = HashSet::from([node.local_addr().unwrap()]);
        assert_eq!(enable_nodelay(&nodes).unwrap(), 1);
        let delays = [&to_node, &to_stranger, &accepted].map(|stream| !stream.nodelay().unwrap());
        assert_eq!(delays, [false, true, true]);
        assert_eq!(enable_nodelay(&nodes).unwrap(), 0, "it is on already");
    }
}
