//! Where the server is, and the channel to it. Knows no subscription but how one is made.

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{env, fs, net::IpAddr};

use tonic::codegen::http::{HeaderValue, Request, Response, Uri};
use tonic::codegen::{BoxFuture, Service as Calls};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Status, body::Body};

use crate::error::{Error, unanswered};
use crate::subscription::Subscription;
use crate::v1::{SubscribeRequest, session_service_client::SessionServiceClient};

const MAX_RESPONSE: usize = 16 << 20; // bytes: room above the contract's 2 MiB
const WINDOW: u32 = i32::MAX as u32; // bytes of all streams together, HTTP/2's most: one that nobody reads must not hold up the others
const CONNECT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(30); // notices a dead machine
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The contract's calls, one method each. Their error, a [`Status`], becomes an [`Error`] by `?`.
pub type Service = SessionServiceClient<Client>;

/// What [`connect`] may be told. What is None comes from the environment.
#[derive(Clone, Default)]
pub struct Options {
    /// For TCP; None: what is in the file `SIGHTLINE_TOKEN_FILE`, else in `token` in the home, if it can be read.
    pub token: Option<String>,
    /// A PEM file of the authority of the server's certificate, which turns TLS on; None: `SIGHTLINE_TLS_CA`, else the system's.
    pub ca: Option<PathBuf>,
}

/// One server. Clones share a connection. What it carries as a `tower` service is made by [`service`](Self::service).
#[derive(Clone)]
pub struct Client {
    channel: Channel,
    authorization: Option<HeaderValue>,
    reached: Arc<AtomicBool>, // the server has answered
    pub(crate) local: bool,
}

/// Makes a client of the server at `unix:PATH`, `host:port`, or `https://host:port` for TLS; empty: at `SIGHTLINE_TARGET`, else at the socket in
/// the home (`SIGHTLINE_HOME`, else `~/.local/state/sightline`). It connects when it is used.
///
/// # Errors
/// `INVALID_ARGUMENT`: the target is none, or another machine without TLS; the authority, or a token file that was named, cannot be read.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn connect(target: &str, options: Options) -> Result<Client, Error> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let state =
        || variable("XDG_STATE_HOME").map_or_else(|| Path::new(&variable("HOME").unwrap_or_default()).join(".local/state"), Into::into);
    let home = variable("SIGHTLINE_HOME").map_or_else(|| state().join("sightline"), PathBuf::from);
    let target = Some(target.to_owned()).filter(|given| !given.is_empty()).or_else(|| variable("SIGHTLINE_TARGET"));
    let target = target.unwrap_or_else(|| format!("unix:{}", home.join("sightline.sock").display()));
    if let Some(path) = target.strip_prefix("unix:") {
        let path = absolute(path.trim_start_matches("//")).map_err(invalid)?;
        let endpoint = Endpoint::from_shared(format!("unix:{}", path.display())).map_err(invalid)?;
        return Ok(Client::new(endpoint.origin(Uri::from_static("http://localhost")), None, true)); // the file's mode says who may enter
    }
    let address = target.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let Some((host, _)) = address.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) else {
        return Err(invalid(format!("{target:?} is no target: give unix:PATH, host:port, or https://host:port for TLS")));
    };
    let local = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let ca = options.ca.or_else(|| variable("SIGHTLINE_TLS_CA").map(Into::into));
    let scheme = if ca.is_some() || target.starts_with("https://") { "https" } else { "http" };
    if scheme == "http" && !local {
        let what = "is another machine, and the token could be read on the way: give https://host:port, or use ssh -L";
        return Err(invalid(format!("{target:?} {what}")));
    }
    let token = match (options.token, variable("SIGHTLINE_TOKEN_FILE")) {
        (Some(token), _) => token,
        (None, Some(named)) => read(named.as_ref())?,
        (None, None) => read(&home.join("token")).unwrap_or_default(), // the server says UNAUTHENTICATED, and what to do
    };
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(invalid)?;
    authorization.set_sensitive(true);
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).map_err(invalid)?.connect_timeout(CONNECT);
    endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE).keep_alive_timeout(KEEPALIVE_TIMEOUT).keep_alive_while_idle(true);
    if scheme == "https" {
        let tls = ClientTlsConfig::new().timeout(CONNECT);
        let authority = ca.map(|file| read(&file)).transpose()?.map(Certificate::from_pem);
        let tls = if authority.is_none() { tls.with_native_roots() } else { tls.ca_certificates(authority) };
        endpoint = endpoint.tls_config(tls).map_err(invalid)?;
    }
    Ok(Client::new(endpoint, Some(authorization).filter(|_| !token.is_empty()), local))
}

fn read(file: &Path) -> Result<String, Error> {
    fs::read_to_string(file).map_err(|error| invalid(format!("{}: {error}", file.display())))
}

fn invalid(why: impl ToString) -> Error {
    Status::invalid_argument(why.to_string()).into()
}

impl Client {
    fn new(endpoint: Endpoint, authorization: Option<HeaderValue>, local: bool) -> Self {
        let channel = endpoint.initial_connection_window_size(WINDOW).connect_lazy();
        Self { channel, authorization, reached: Arc::default(), local }
    }

    /// The contract's calls, as many at once as you like: each takes a `service()` of its own.
    pub fn service(&self) -> Service {
        SessionServiceClient::new(self.clone()).max_decoding_message_size(MAX_RESPONSE)
    }

    /// Follows sessions until the server says that they are over, or the subscription is dropped. The server is asked at the first poll.
    pub fn subscribe(&self, request: SubscribeRequest) -> Subscription {
        Subscription::new(self.clone(), request)
    }
}

impl Calls<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<Self::Response, Status>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.channel.poll_ready(cx).map_err(|error| unanswered(error, self.reached.load(Relaxed)))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert("authorization", authorization.clone());
        }
        let (answer, reached) = (self.channel.call(request), Arc::clone(&self.reached));
        Box::pin(async move {
            let answer = answer.await;
            let reached = reached.fetch_or(answer.is_ok(), Relaxed);
            answer.map_err(|error| unanswered(error, reached))
        })
    }
}
