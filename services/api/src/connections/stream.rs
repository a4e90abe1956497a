//! A TCP stream that returns errors after its connection was closed to make room for another one.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{Connection, Connections};

/// Its reads and writes fail after the connection was closed.
#[derive(Debug)]
pub(crate) struct WatchedStream {
    stream: TcpStream,
    connection: Connection,
}

impl WatchedStream {
    pub(crate) fn new(stream: TcpStream, connections: &Rc<Connections>) -> Self {
        Self { stream, connection: connections.open() }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// The underlying stream, while the connection is open.
    fn open(&mut self, context: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.connection.is_closed() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.connection.watch(context);
        Ok(Pin::new(&mut self.stream))
    }
}

impl Drop for WatchedStream {
    fn drop(&mut self) {
        self.connection.forget();
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.open(context)?.poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.connection.receive();
        }
        read
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.open(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open(context)?.poll_shutdown(context)
    }
}
