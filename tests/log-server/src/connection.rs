//! TCP connections that can be cut at will, all of a node at once.
//!
//! It must never leave one open once it is cut: a client has to see what it sees when a process is killed.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// The open connections of a node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections {
    /// Cut those that were opened under this token; those to come get a new one.
    current: Arc<Mutex<CancellationToken>>,
}

impl Connections {
    /// Cuts all that are open now. New ones are accepted.
    pub(crate) fn cut(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *current).cancel();
    }

    fn token(&self) -> CancellationToken {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What comes in at a listener, until it is `closed`.
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

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    /// Whoever reads or writes is woken by the cut.
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
