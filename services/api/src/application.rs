//! The application: `build` binds the port, `run_until_stopped` serves, a `StopHandle` stops it from elsewhere.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use actix_http::HttpService;
use actix_server::GracefulShutdownSignal;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};
use tokio::net::TcpSocket;

use crate::connections::{Connections, Limits, WatchedStream};
use crate::lateness;
use crate::request::middleware;
use crate::routes;
use crate::settings::{Parts, Settings};
use crate::state::State;

/// Longest time for the head of a connection's first request to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time that an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take to close its side after a response that ends the connection.
const DISCONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// How long a connection waits at least before it is closed in favour of others: its request may be on the way.
const MIN_WAIT: Duration = Duration::from_millis(250);

/// Longest time for a head or a body to arrive. It is longer than their own deadlines, which have an answer, and holds where
/// there is none: for the heads of later requests of a connection.
const MAX_RECEIPT: Duration = Duration::from_secs(15);

/// Connections that the operating system accepts ahead of the workers.
const BACKLOG: u32 = 4096;

/// The API, bound to its port.
pub struct Application {
    address: SocketAddr,
    server: Server,
}

/// Why the API could not start, or stopped unexpectedly.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// The address is in use or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Bind {
        address: SocketAddr,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The server stopped with an error.
    #[error("the HTTP server failed")]
    Server(#[source] std::io::Error),
}

/// Stops an application from elsewhere.
#[derive(Debug, Clone)]
pub struct StopHandle(ServerHandle);

impl StopHandle {
    /// Accepts no more requests and lets those in flight finish within the shutdown timeout. The returned future completes
    /// when the application has stopped; awaiting it is optional.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.0.stop(true)
    }
}

impl Application {
    /// Binds the port. Must be called on the runtime that commands should run on, and that runtime must outlive the
    /// application.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub fn build(settings: Settings, parts: Parts) -> Result<Self, ApplicationError> {
        let bind = |source| ApplicationError::Bind { address: settings.listen, source };
        let listener = listen(settings.listen).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let patience = settings.shutdown_patience;
        let workers = settings.workers.or_else(|| thread::available_parallelism().ok());
        let workers = workers.unwrap_or(NonZeroUsize::MIN);
        let per_worker = (settings.max_connections.get() / workers).max(1);
        let state = web::Data::new(State::new(settings, parts));
        let server = actix_server::Server::build();
        let stopping = server.graceful_shutdown_signal();
        let server = server
            .workers(workers.get())
            .max_concurrent_connections(per_worker)
            .shutdown_timeout(patience.as_secs())
            .disable_signals()
            .listen("daybook-api", listener, move || {
                let metrics = state.metrics.connections();
                let connections = Connections::new(limits(per_worker), metrics);
                actix_web::rt::spawn(lateness::measure());
                actix_web::rt::spawn(Connections::tend(Rc::downgrade(&connections)));
                http_service(state.clone(), connections, stopping.clone())
            });
        let bind = |source| ApplicationError::Bind { address, source };
        Ok(Self { address, server: server.map_err(bind)?.run() })
    }

    /// The bound address.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bound port.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// A handle that stops the application.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.server.handle())
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// If the server fails.
    pub async fn run_until_stopped(self) -> Result<(), ApplicationError> {
        self.server.await.map_err(ApplicationError::Server)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// Connections that wait are closed before the worker has as many as it may, so that it always accepts new ones.
const fn limits(per_worker: usize) -> Limits {
    Limits {
        open: per_worker - per_worker / 4,
        min_wait: MIN_WAIT,
        max_wait: KEEP_ALIVE.saturating_add(HEAD_DEADLINE),
        max_receipt: MAX_RECEIPT,
    }
}

/// What `actix_web::HttpServer` builds, over streams that can be closed in favour of others.
fn http_service(
    state: web::Data<State>,
    connections: Rc<Connections>,
    stopping: GracefulShutdownSignal,
) -> impl ServiceFactory<
    TcpStream,
    Config = (),
    Response = (),
    Error = actix_http::error::DispatchError,
    InitError = (),
> {
    let origins = state.settings.allowed_origins.clone();
    let cors = Condition::new(!origins.is_empty(), origins.cors());
    let app = App::new().app_data(state).wrap(from_fn(middleware::handle)).wrap(cors);
    let app = app.configure(routes::configure);
    let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
    let http = HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_DEADLINE)
        .client_disconnect_timeout(DISCONNECT_DEADLINE)
        .on_connect_ext(|stream: &WatchedStream, data| {
            data.insert(stream.connection());
        })
        .h1(map_config(app, |()| AppConfig::default()));
    fn_service(move |stream: TcpStream| {
        let peer = stream.peer_addr().ok();
        let stream = WatchedStream::new(stream, &connections);
        async move { Ok((stream, peer)) }
    })
    .and_then(http)
}
