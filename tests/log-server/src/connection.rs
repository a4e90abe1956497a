//! TCP connections that a test can cut, all connections of a node at once.
//!
//! A cut must never leave a connection open: a client must see the same as when a process is killed.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A node's open connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections {
    /// Cancels the connections that were opened under this token. Each cut installs a new token.
    current: Arc<Mutex<CancellationToken>>,
}

impl Connections {
    /// Cuts all open connections. The node still accepts new ones.
    pub(crate) fn cut(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *current).cancel();
    }

    fn token(&self) -> CancellationToken {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Accepts connections from a listener until `closed` is cancelled.
    pub(crate) fn incoming(
        &self,
        listener: TcpListener,
        closed: CancellationToken,
    ) -> impl Stream<Item = io::Result<Connection>> + use<> {
        stream::unfold((self.clone(), listener, closed), |(connections, listener, closed)| async move {
            let accepted = closed.run_until_cancelled(listener.accept()).await?;
            let connection = accepted.and_then(|(stream, _)| connections.open(stream));
            Some((connection, (connections, listener, closed)))
        })
    }

    fn open(&self, stream: TcpStream) -> io::Result<Connection> {
        // Small replies must not wait for one another.
        stream.set_nodelay(true)?;
        Ok(Connection { stream, cut: Box::pin(self.token().cancelled_owned()) })
    }
}

/// A TCP connection that can be cut.
pub(crate) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    /// Returns the stream, or an error after a cut. Polling the token wakes the reader or writer when the cut
    /// happens.
    fn while_open(&mut self, context: &mut Context<'_>) -> io::Result<&mut TcpStream> {
        match self.cut.as_mut().poll(context) {
            Poll::Ready(()) => Err(ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(&mut self.stream),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut().while_open(context)?;
        Pin::new(stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut().while_open(context)?;
        Pin::new(stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut().while_open(context)?;
        Pin::new(stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut().while_open(context)?;
        ready!(Pin::new(stream).poll_shutdown(context))?;
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.get_mut().while_open(context)?;
        Pin::new(stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
