//! The application: bound to its port when it is built, serving when it is run, stopped from elsewhere.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, Service};
use actix_web::{App, HttpServer, web};

use crate::edge::passage::RequestMiddleware;
use crate::routes;
use crate::settings::{Parts, Settings};
use crate::state::State;

/// Connections that one worker holds open, at most.
const MAX_CONNECTIONS_PER_WORKER: usize = 10_000;

/// Longest time for the head of a request to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time for a connection without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The API, bound to its port.
pub struct Application {
    address: SocketAddr,
    server: Server,
}

/// Why the API could not be started, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationError {
    /// The address is taken, or is none of this machine's.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server ended with an error.
    #[error("the HTTP server failed")]
    Server(#[source] std::io::Error),
}

/// Stops an application from elsewhere.
#[derive(Debug, Clone)]
pub struct StopHandle(ServerHandle);

impl StopHandle {
    /// Takes no more requests from now on and lets those under way finish within bounds. What is given ends when the
    /// application has ended; nobody has to wait for it.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.0.stop(true)
    }
}

impl Application {
    /// Binds the port. Has to be called on the runtime that is to carry out commands; that runtime has to outlive the
    /// application.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn build(settings: Settings, parts: Parts) -> Result<Self, ApplicationError> {
        let bind = |source| ApplicationError::Bind { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (workers, patience) = (settings.workers, settings.shutdown_patience);
        let state = web::Data::new(State::new(settings, parts));
        let mut server = HttpServer::new(move || {
            let passing = state.clone();
            App::new()
                .app_data(state.clone())
                .wrap_fn(move |request, service| {
                    let passage = RequestMiddleware::begin(&passing, &request);
                    let answer = service.call(request);
                    async move { answer.await.map(|response| passage.end(response)) }
                })
                .configure(routes::configure)
        })
        .max_connections(MAX_CONNECTIONS_PER_WORKER)
        .client_request_timeout(HEAD_DEADLINE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(patience.as_secs())
        .disable_signals();
        if let Some(workers) = workers {
            server = server.workers(workers.get());
        }
        let bind = |source| ApplicationError::Bind { address, source };
        Ok(Self { address, server: server.listen(listener).map_err(bind)?.run() })
    }

    /// The address that was bound.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port that was bound.
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What stops it.
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(self.server.handle())
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// When the server ends by itself.
    pub async fn run_until_stopped(self) -> Result<(), ApplicationError> {
        self.server.await.map_err(ApplicationError::Server)
    }
}
