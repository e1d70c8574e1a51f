//! Prints what a session prints, from its beginning, until it ends: `tail NAME`.

use std::io::{Write, stdout};
use std::process::ExitCode;

use sightline::v1::{SubscribeRequest, event::Payload};
use sightline::{Error, Item, Options, Sign};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name] = words.as_slice() else {
        eprintln!("usage: tail NAME");
        return ExitCode::from(2);
    };
    if let Err(error) = tail(name).await {
        eprintln!("tail: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn tail(name: &str) -> Result<(), Error> {
    let client = sightline::connect("", Options::default())?;
    let mut items = client.subscribe(SubscribeRequest { sessions: vec![name.into()], ..Default::default() });
    while let Some(item) = items.next().await {
        match item? {
            Item::Event(event) => {
                if let Some(Payload::Output(output)) = event.payload {
                    let mut out = stdout().lock();
                    if out.write_all(&output.data).and_then(|()| out.flush()).is_err() {
                        return Ok(()); // nobody reads any more
                    }
                }
            }
            Item::Sign(Sign::Gap(gap)) => {
                eprintln!("tail: events {} to {} are gone: {}", gap.first_seq, gap.last_seq, gap.reason().as_str_name())
            }
            _ => {}
        }
    }
    Ok(())
}
