//! What becomes of a subscription when its stream breaks, fails or is let go: HTTP/2 on loopback, and a script instead of a server's rules.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h2::{Reason, server::SendResponse};
use prost::{Message, bytes::Bytes};
use sightline::v1::{End, EndReason, Event, Header, Place, Session, SubscribeRequest, SubscribeResponse};
use sightline::{Client, Item, Options, Sign, Subscription};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use tonic::codegen::http::{HeaderMap, Response};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const BOUND: Duration = Duration::from_secs(30); // for what takes some 100 ms: past it the test has failed

/// What a stream does next.
enum Turn {
    Say(Box<SubscribeResponse>),
    Close(Status),
    Reset,
    Wait, // until the client lets go
}

#[derive(Debug, PartialEq)]
enum Seen {
    Asked(Box<SubscribeRequest>),
    LetGo(Reason),
}

/// A server of as many streams as are written, one after the other, and what it sees.
async fn serve(streams: Vec<Vec<Turn>>) -> (Client, UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let (tell, seen) = unbounded_channel();
    let streams = Arc::new(Mutex::new(streams.into_iter()));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket, Arc::clone(&streams), tell.clone()));
        }
    });
    (sightline::connect(&target, Options { token: Some("t".into()), ca: None }).unwrap(), seen)
}

async fn connection(socket: TcpStream, streams: Arc<Mutex<std::vec::IntoIter<Vec<Turn>>>>, tell: UnboundedSender<Seen>) {
    let mut connection = h2::server::handshake(socket).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        let turns = streams.lock().unwrap().next().unwrap_or_else(|| vec![failed(Code::Internal, "NOT_WRITTEN")]);
        let (mut body, tell) = (request.into_body(), tell.clone());
        tokio::spawn(async move {
            let mut asked = vec![];
            while let Some(part) = body.data().await {
                asked.extend_from_slice(&part.unwrap());
            }
            _ = tell.send(Seen::Asked(Box::new(SubscribeRequest::decode(&asked[5..]).unwrap())));
            play(turns, respond, tell).await;
        });
    }
}

async fn play(turns: Vec<Turn>, mut respond: SendResponse<Bytes>, tell: UnboundedSender<Seen>) {
    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    for turn in turns {
        match turn {
            Turn::Say(response) => {
                let message = response.encode_to_vec();
                let length = (message.len() as u32).to_be_bytes();
                stream.send_data([&[0], &length[..], &message].concat().into(), false).unwrap();
            }
            Turn::Close(status) => {
                let mut trailers = HeaderMap::new();
                status.add_header(&mut trailers).unwrap();
                stream.send_trailers(trailers).unwrap();
            }
            Turn::Reset => stream.send_reset(Reason::INTERNAL_ERROR),
            Turn::Wait => _ = tell.send(Seen::LetGo(poll_fn(|cx| stream.poll_reset(cx)).await.unwrap())),
        }
    }
}

fn sign(sign: Sign) -> Turn {
    Turn::Say(Box::new(SubscribeResponse { events: vec![], sign: Some(sign) }))
}

fn header() -> Turn {
    let session = Some(Session { id: "id".into(), ..Session::default() });
    let header = Header { session, place: Some(Place { epoch: 7, ..Place::default() }), moment: 9, ..Header::default() };
    sign(Sign::Header(header))
}

fn event(seq: u64) -> Turn {
    let events = vec![Event { session_id: "id".into(), seq, ..Event::default() }];
    Turn::Say(Box::new(SubscribeResponse { events, sign: None }))
}

fn end(reason: EndReason) -> Turn {
    sign(Sign::End(End { reason: reason.into() }))
}

fn failed(code: Code, reason: &str) -> Turn {
    Turn::Close(Status::with_error_details(code, "no", ErrorDetails::with_error_info(reason, "sightline", [])))
}

fn follow(client: &Client) -> Subscription {
    client.subscribe(SubscribeRequest { sessions: vec!["name".into()], ..SubscribeRequest::default() })
}

async fn next(items: &mut Subscription) -> Option<Result<Item, sightline::Error>> {
    timeout(BOUND, items.next()).await.expect("an item comes")
}

#[tokio::test]
async fn each_way_in_which_a_stream_breaks_is_resumed_and_one_outage_is_told_once() {
    let (client, mut seen) = serve(vec![
        vec![header(), event(3), Turn::Close(Status::unavailable("gone"))],
        vec![Turn::Reset],
        vec![failed(Code::Unavailable, "DRAINING")],
        vec![end(EndReason::Draining), Turn::Close(Status::ok(""))],
        vec![Turn::Close(Status::ok(""))],
        vec![event(4), Turn::Close(Status::cancelled("not by us"))],
        vec![end(EndReason::AllEnded), Turn::Close(Status::ok(""))],
    ])
    .await;
    let outages = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&outages);
    let mut items = follow(&client).on_lost(move |_| _ = told.fetch_add(1, Relaxed));
    assert!(matches!(next(&mut items).await, Some(Ok(Item::Sign(Sign::Header(_))))));
    for seq in [3, 4] {
        assert!(matches!(next(&mut items).await, Some(Ok(Item::Event(event))) if event.seq == seq));
    }
    assert!(next(&mut items).await.is_none());
    assert_eq!((items.end(), outages.load(Relaxed)), (Some(EndReason::AllEnded), 2));
    let mut resumed_at = vec![];
    while let Ok(Seen::Asked(request)) = seen.try_recv() {
        resumed_at.push(request.resume.unwrap().places.get("id").map(|place| place.seq));
    }
    assert_eq!(resumed_at, [None, Some(3), Some(3), Some(3), Some(3), Some(3), Some(4)]);
}

#[tokio::test]
async fn what_trying_again_does_not_mend_is_the_last_item() {
    for (code, reason) in [(Code::NotFound, "SESSION_NOT_FOUND"), (Code::Unavailable, "SEARCH_UNAVAILABLE"), (Code::Internal, "")] {
        let (client, mut seen) = serve(vec![vec![header(), failed(code, reason)]]).await;
        let mut items = follow(&client);
        next(&mut items).await;
        let error = next(&mut items).await.unwrap().unwrap_err();
        assert_eq!((error.code, error.reason.as_str()), (code, reason));
        assert!(next(&mut items).await.is_none());
        assert_eq!(items.end(), None);
        assert!(matches!(seen.recv().await, Some(Seen::Asked(_))));
        assert!(seen.try_recv().is_err(), "it is asked once");
    }
}

#[tokio::test]
async fn to_drop_a_subscription_lets_go_of_the_server() {
    let (client, mut seen) = serve(vec![vec![header(), Turn::Wait]]).await;
    let mut items = follow(&client);
    next(&mut items).await;
    drop(items);
    seen.recv().await;
    assert_eq!(timeout(BOUND, seen.recv()).await.unwrap(), Some(Seen::LetGo(Reason::CANCEL)));
}

#[tokio::test]
async fn a_read_that_is_given_up_loses_neither_the_call_nor_an_item() {
    let (client, mut seen) = serve(vec![vec![header(), event(1), Turn::Wait]]).await;
    let mut items = follow(&client);
    let given_up = async {
        let mut came = 0;
        while came < 2 {
            came += usize::from(timeout(Duration::ZERO, items.next()).await.is_ok());
            tokio::task::yield_now().await;
        }
    };
    timeout(BOUND, given_up).await.expect("both items come");
    assert!(matches!(seen.recv().await, Some(Seen::Asked(_))));
    assert!(seen.try_recv().is_err(), "it is asked once");
}
