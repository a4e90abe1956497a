//! The application: `build` binds the port, `run_until_stopped` serves, a `StopHandle` stops it from elsewhere.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, Service};
use actix_web::{App, HttpServer, web};

use crate::request::middleware::RequestMiddleware;
use crate::routes;
use crate::settings::{Parts, Settings};
use crate::state::State;

/// Most open connections per worker.
const MAX_CONNECTIONS_PER_WORKER: usize = 10_000;

/// Longest time for the head of a request to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time that an idle connection stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

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
        let listener = TcpListener::bind(settings.listen).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let (workers, patience) = (settings.workers, settings.shutdown_patience);
        let state = web::Data::new(State::new(settings, parts));
        let mut server = HttpServer::new(move || {
            let middleware_state = state.clone();
            App::new()
                .app_data(state.clone())
                .wrap_fn(move |mut request, service| {
                    let middleware = RequestMiddleware::begin(&middleware_state, &mut request);
                    let response = service.call(request);
                    async move {
                        let response = response.await?;
                        middleware.handled();
                        middleware.await_views(&response).await;
                        Ok(middleware.end(response))
                    }
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
