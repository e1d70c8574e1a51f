//! Runs a command as a session, and follows it: `run -- CMD…`. Its output is the command's, and so is its exit code; Ctrl-C interrupts the
//! command. The command goes on when this program is killed.

use std::hash::{BuildHasher, RandomState};
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use sightline::v1::{Channel, Command, Completed, CreateRequest, InterruptRequest, SubscribeRequest};
use sightline::v1::{command::Stdin, create_request::Origin, event::Payload};
use sightline::{Client, Error, Item, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut argv: Vec<String> = std::env::args().skip(1).collect();
    if argv.first().is_some_and(|word| word == "--") {
        argv.remove(0);
    }
    if argv.is_empty() {
        eprintln!("usage: run -- CMD...");
        return ExitCode::from(2);
    }
    run(argv).await.unwrap_or_else(|error| {
        eprintln!("run: {error}");
        ExitCode::from(2)
    })
}

async fn run(argv: Vec<String>) -> Result<ExitCode, Error> {
    let client = sightline::connect("", Options::default())?;
    let created = client.service().create(request(argv)).await?.into_inner();
    let id = created.session.unwrap_or_default().id;
    tokio::spawn(interrupts(client.clone(), id.clone()));
    let mut items = client.subscribe(SubscribeRequest { sessions: vec![id], ..Default::default() });
    let mut code = ExitCode::from(2);
    while let Some(item) = items.next().await {
        let Item::Event(event) = item? else { continue };
        match event.payload {
            Some(Payload::Output(output)) => {
                let shown = match output.channel() {
                    Channel::Stderr => stderr().write_all(&output.data),
                    _ => stdout().write_all(&output.data).and_then(|()| stdout().flush()),
                };
                if shown.is_err() {
                    break; // nobody reads any more
                }
            }
            Some(Payload::Completed(completed)) => code = exit_code(&completed),
            _ => {}
        }
    }
    Ok(code)
}

async fn interrupts(client: Client, session: String) {
    while tokio::signal::ctrl_c().await.is_ok() {
        // An error: it has ended, and that is what was wanted.
        _ = client.service().interrupt(InterruptRequest { session: session.clone(), ..Default::default() }).await;
    }
}

/// Asks for a command that runs as it would here: same directory, same environment, its output in pipes.
fn request(argv: Vec<String>) -> CreateRequest {
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    CreateRequest {
        request_id: format!("{:x}", RandomState::new().hash_one(std::process::id())), // a retry gets the same session
        cwd: std::env::current_dir().map(|here| text(here.into())).unwrap_or_default(),
        env: std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
        clear_env: true,
        origin: Some(Origin::Command(Command { argv, stdin: Stdin::Null.into(), ..Default::default() })),
        ..Default::default()
    }
}

fn exit_code(completed: &Completed) -> ExitCode {
    match (completed.exit_code, completed.signal) {
        (Some(code), _) => ExitCode::from(code as u8),
        (None, 0) => ExitCode::FAILURE,
        (None, signal) => ExitCode::from(128 + signal as u8), // as a shell says it
    }
}
