//! Puts the Rust client on trial: orders in, what it saw out, one JSON object a line. See tests/conformance/clients/README.md.

use std::collections::HashMap;
use std::io::{Write, stdout};
use std::time::{Duration, Instant};

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};
use sightline::{Client, Error, Item, Options, Sign, v1};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::{Code, Request, Status};

/// The contract as data: canonical JSON is its affair, and none of the client's.
struct Contract(DescriptorPool);

impl Contract {
    fn message(&self, name: &str) -> MessageDescriptor {
        self.0.get_message_by_name(&format!("sightline.v1.{name}")).expect("it is in the contract")
    }

    fn read<M: Message + Default>(&self, name: &str, text: &Value) -> M {
        let message = DynamicMessage::deserialize(self.message(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
        M::decode(message.encode_to_vec().as_slice()).expect("both are the contract")
    }

    fn written(&self, name: &str, message: &impl Message) -> Value {
        let message = DynamicMessage::decode(self.message(name), message.encode_to_vec().as_slice()).expect("both are the contract");
        serde_json::to_value(&message).expect("it has a JSON form")
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let pool =
        DescriptorPool::decode(include_bytes!("../../src/generated/sightline.v1.bin").as_slice()).expect("it is a set of descriptors");
    let contract: &'static Contract = Box::leak(Box::new(Contract(pool)));
    let mut orders = BufReader::new(stdin()).lines();
    let mut client = None;
    let mut cancels = HashMap::new();
    while let Some(line) = orders.next_line().await.expect("orders are text") {
        let order: Value = serde_json::from_str(&line).expect("orders are JSON");
        match order["do"].as_str() {
            Some("connect") => {
                client = Some(connect(&order));
                say(json!({"connected": true}));
            }
            Some("cancel") => _ = cancels.remove(&order["id"].as_u64()),
            Some(kind) => {
                let (cancel, cancelled) = oneshot::channel::<()>();
                cancels.insert(order["id"].as_u64(), cancel);
                let (call, client) = (kind == "call", client.clone().expect("it is connected"));
                tokio::spawn(async move {
                    let id = order["id"].clone();
                    let working = async { if call { once(contract, client, order).await } else { follow(contract, client, order).await } };
                    tokio::select! {
                        last = working => say(last),
                        _ = cancelled => say(json!({"id": id, "cancelled": true})),
                    }
                });
            }
            None => panic!("no order: {line}"),
        }
    }
}

fn connect(order: &Value) -> Client {
    let token = Some(order["token"].as_str().unwrap_or_default().to_owned()); // without one, not with that of whoever runs the trial
    let options = Options { token, ca: order["ca"].as_str().map(Into::into) };
    sightline::connect(order["target"].as_str().expect("a target"), options).expect("a target that is one")
}

async fn once(contract: &Contract, client: Client, order: Value) -> Value {
    let answer = calls(contract, client, order["method"].as_str().expect("a method"), &order["request"], seconds(&order)).await;
    match answer.map_err(Error::from) {
        Ok(response) => json!({"id": order["id"], "response": response}),
        Err(error) => json!({"id": order["id"], "error": described(&error)}),
    }
}

macro_rules! calls {
    ($($name:ident $method:ident)*) => {
        async fn calls(contract: &Contract, client: Client, method: &str, request: &Value, limit: Option<Duration>) -> Result<Value, Status> {
            match method {
                $(stringify!($name) => {
                    let mut request = Request::new(contract.read(concat!(stringify!($name), "Request"), request));
                    if let Some(limit) = limit {
                        request.set_timeout(limit);
                    }
                    let response = client.service().$method(request).await?;
                    Ok(contract.written(concat!(stringify!($name), "Response"), response.get_ref()))
                })*
                _ => panic!("no call: {method}"),
            }
        }
    };
}

calls! {
    Create create Get get List list Discover discover Send send Interrupt interrupt Resize resize Terminate terminate Release release
    Delete delete ListEvents list_events Snapshot snapshot Search search Publish publish Answer answer Wait wait Explain explain
    Usage usage Collect collect WatchDirectory watch_directory UnwatchDirectory unwatch_directory ListDirectories list_directories
    Metrics metrics
}

async fn follow(contract: &Contract, client: Client, order: Value) -> Value {
    let (id, quiet, began) = (order["id"].clone(), order["quiet"] == true, Instant::now());
    let lost = id.clone();
    let mut subscription = client
        .subscribe(contract.read("SubscribeRequest", &order["request"]))
        .on_lost(move |error| say(json!({"id": lost, "lost": error.message})));
    let (mut events, mut bytes, mut digest) = (0_u64, 0, Context::new(&SHA256));
    let reading = async {
        while let Some(item) = subscription.next().await {
            match item {
                Err(error) => return json!({"id": id, "error": described(&error)}),
                Ok(Item::Event(event)) if quiet => {
                    events += 1;
                    if let Some(v1::event::Payload::Output(output)) = event.payload {
                        bytes += output.data.len();
                        digest.update(&output.data);
                    }
                }
                Ok(_) if quiet => {}
                Ok(item) => {
                    let (name, written) = told(contract, &item);
                    say(json!({"id": id, name: written}));
                }
            }
        }
        Value::Null
    };
    let limit = seconds(&order);
    let error = match limit {
        None => reading.await,
        Some(limit) => timeout(limit, reading).await.unwrap_or_else(
            |_| json!({"id": id, "error": {"code": "DEADLINE_EXCEEDED", "reason": "", "message": "its time was over", "metadata": {}}}),
        ),
    };
    if !error.is_null() {
        return error;
    }
    let end = subscription.end().expect("it is over").as_str_name();
    if !quiet {
        return json!({"id": id, "end": end});
    }
    let sha256: String = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"id": id, "end": end, "events": events, "bytes": bytes, "sha256": sha256, "seconds": began.elapsed().as_secs_f64()})
}

fn told(contract: &Contract, item: &Item) -> (&'static str, Value) {
    match item {
        Item::Event(said) => ("event", contract.written("Event", said)),
        Item::Sign(Sign::Header(said)) => ("header", contract.written("Header", said)),
        Item::Sign(Sign::Snapshot(said)) => ("snapshot", contract.written("Snapshot", said)),
        Item::Sign(Sign::CaughtUp(said)) => ("caughtUp", contract.written("CaughtUp", said)),
        Item::Sign(Sign::Gap(said)) => ("gap", contract.written("Gap", said)),
        Item::Sign(Sign::Heartbeat(said)) => ("heartbeat", contract.written("Heartbeat", said)),
        Item::Sign(Sign::End(_)) => unreachable!("it is no item"),
    }
}

fn seconds(order: &Value) -> Option<Duration> {
    order["timeout"].as_f64().map(Duration::from_secs_f64)
}

fn described(error: &Error) -> Value {
    json!({"code": named(error.code), "reason": error.reason, "message": error.message, "metadata": error.metadata})
}

/// gRPC's own name: `NotFound` is `NOT_FOUND`.
fn named(code: Code) -> String {
    let words = format!("{code:?}");
    let starts = |at: usize, letter: char| at > 0 && letter.is_uppercase();
    let parts =
        words.char_indices().flat_map(|(at, letter)| starts(at, letter).then_some('_').into_iter().chain([letter.to_ascii_uppercase()]));
    parts.collect()
}

fn say(line: Value) {
    let mut out = stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).expect("somebody listens");
}
