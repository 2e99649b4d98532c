//! Sockets, and what protects them: timeouts for headers and for idle connections, and a limit on connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tower::Service;

use crate::cli::ServeSettings;

/// Counter: connections that were closed at once, since there were as many as may be.
const CONNECTIONS_REFUSED: &str = "fullhouse_connections_refused_total";

/// How long the headers of a request may take to arrive, and how long a kept connection may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may be silent.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A silent connection is asked for a sign of life after this long, and this often; without one it counts as dead. A client
/// that is merely slow answers, and stays.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
/// Headers of a request, in bytes; also what is buffered for a client that reads slowly.
const BUFFER_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request, in number.
const HEADERS_MAX: usize = 64;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4_096;
/// File descriptors that are kept for databases, keys and the terminal.
const DESCRIPTORS_RESERVED: u64 = 128;

/// A socket that listens, and the limits of what comes through it.
pub struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
    connections_max: usize,
    handle: Handle<SocketAddr>,
}

impl Listener {
    /// Binds the address of the settings.
    pub fn bind(settings: &ServeSettings) -> anyhow::Result<Self> {
        let listen = settings.listen;
        let socket = bind(listen)
            .with_context(|| format!("can't listen on {listen} (--listen, FULLHOUSE_LISTEN); is something else running there?"))?;
        let address = socket.local_addr().context("the listening socket has no address")?;
        Ok(Self { socket, address, connections_max: connections_max(settings.max_connections), handle: Handle::new() })
    }

    /// Where it listens; the port is a real one even if the settings left its choice to the system.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shuts the listener down when asked.
    pub fn handle(&self) -> Handle<SocketAddr> {
        self.handle.clone()
    }

    /// Serves until the handle shuts it down.
    pub async fn serve(self, router: Router) -> io::Result<()> {
        let acceptor = Bounded { places: Arc::new(Semaphore::new(self.connections_max)) };
        let mut server = axum_server::from_tcp(self.socket)?
            .acceptor(acceptor)
            .handle(self.handle)
            .http1_only()
            .first_request_timeout(FIRST_REQUEST_TIMEOUT);
        server.http_builder().http1().header_read_timeout(HEADER_TIMEOUT).max_buf_size(BUFFER_BYTES_MAX).max_headers(HEADERS_MAX);
        server.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A server that restarts must not wait for the connections of the last one to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// As many connections as the settings say and the system has descriptors for.
fn connections_max(wanted: usize) -> usize {
    let Ok(descriptors) = rlimit::increase_nofile_limit(u64::MAX) else { return wanted };
    let possible = usize::try_from(descriptors.saturating_sub(DESCRIPTORS_RESERVED)).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::warn!(wanted, possible, "the system allows fewer connections than --max-connections; raise the limit of open files");
    }
    wanted.min(possible)
}

/// Stops accepting, and lets requests in flight finish.
pub async fn drain(handle: Handle<SocketAddr>, serving: JoinHandle<io::Result<()>>, seconds: u64) -> anyhow::Result<()> {
    handle.graceful_shutdown(Some(Duration::from_secs(seconds)));
    serving.await.context("the listener has ended with an error")?.context("the listener has failed")
}

/// Accepts connections as long as there are places.
#[derive(Clone)]
struct Bounded {
    places: Arc<Semaphore>,
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = TcpStream;
    type Service = Placed<S>;
    type Future = std::future::Ready<io::Result<(TcpStream, Placed<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            metrics::counter!(CONNECTIONS_REFUSED).increment(1);
            return std::future::ready(Err(io::Error::other("there are as many connections as there may be")));
        };
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_PROBES);
        let prepared = stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive));
        std::future::ready(prepared.map(|()| (stream, Placed { service, _place: Arc::new(place) })))
    }
}

/// A connection's service. Its place is free again when the connection is gone.
#[derive(Clone)]
struct Placed<S> {
    service: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<R>, R> Service<R> for Placed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.service.call(request)
    }
}
