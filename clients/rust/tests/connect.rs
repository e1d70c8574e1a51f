//! Where a client may go, and what it says of a server that is not there.

use sightline::v1::{ListRequest, SubscribeRequest};
use sightline::{Error, Options, connect};
use tonic::Code;

fn refused(target: &str, options: Options) -> Error {
    connect(target, options).err().unwrap_or_else(|| panic!("{target} was taken"))
}

#[tokio::test]
async fn another_machine_without_tls_is_refused_before_the_token_is_sent() {
    for target in ["example.test:7411", "192.0.2.1:7411", "[2001:db8::1]:7411"] {
        let error = refused(target, Options { token: Some("secret".into()), ca: None });
        assert_eq!(error.code, Code::InvalidArgument);
        assert!(error.message.contains("https://") && !error.message.contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn this_machine_and_tls_are_taken() {
    for target in [
        "127.0.0.1:7411",
        "[::1]:7411",
        "localhost:7411",
        "http://localhost:7411",
        "https://127.0.0.1:7411/",
        "unix:relative.sock",
        "unix:///run/x.sock",
    ] {
        let options = Options { token: Some("t".into()), ca: target.starts_with("https").then(authority) };
        connect(target, options).unwrap_or_else(|error| panic!("{target}: {error}"));
    }
}

#[tokio::test]
async fn what_is_no_target_is_said_so() {
    for target in ["here", "localhost", ":7411", "localhost:port", "localhost:70000", "http://localhost:7411/x"] {
        assert_eq!(refused(target, Options::default()).code, Code::InvalidArgument, "{target}");
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_an_error() {
    let options = Options { token: None, ca: Some("/nonexistent/ca.pem".into()) };
    assert!(refused("localhost:7411", options).message.starts_with("/nonexistent/ca.pem"));
}

#[tokio::test]
async fn a_server_that_was_never_reached_ends_calls_and_subscriptions() {
    let client = connect("unix:/nonexistent/sightline.sock", Options::default()).unwrap();
    let error = Error::from(client.service().list(ListRequest::default()).await.unwrap_err());
    assert_eq!((error.code, error.reason.as_str()), (Code::Unavailable, "SERVER_NOT_FOUND"));

    let mut items = client.subscribe(SubscribeRequest { sessions: vec!["*".into()], ..Default::default() });
    assert_eq!(items.next().await.unwrap().unwrap_err().reason, "SERVER_NOT_FOUND");
    assert!(items.next().await.is_none());
    assert_eq!(items.end(), None);
}

/// Any PEM file: it is read when the client is made, and judged when it connects.
fn authority() -> std::path::PathBuf {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("ca.pem");
    std::fs::write(&file, "").unwrap();
    file
}
