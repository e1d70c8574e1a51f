//! A stream of items that resumes by itself: the I/O around `progress`. Knows calls, breaks and pauses, and no positions.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::sleep;
use tonic::{Code, Status, Streaming};

use crate::client::Client;
use crate::error::Error;
use crate::progress::{Item, Progress};
use crate::v1::subscribe_response::Sign;
use crate::v1::{Cursor, EndReason, Snapshot, SnapshotRequest, SubscribeRequest, SubscribeResponse};

const FIRST_PAUSE: Duration = Duration::from_millis(100); // before the first try to resume; each further one is twice as long
const MAX_PAUSE: Duration = Duration::from_secs(2);
const MAX_LOCAL_PAUSE: Duration = Duration::from_secs(1);
const JITTER: f64 = 0.2; // of a pause, so that a thousand clients do not come back at once

/// Gives each item once, in order, and resumes by itself where it was when the stream breaks. Made by [`Client::subscribe`].
///
/// Read it with [`next`](Self::next), which may be given up at any time (in a `select!`, say) and loses nothing, or as a [`Stream`]. An error is the
/// last item. To drop it lets go of the server at once.
pub struct Subscription {
    client: Client,
    progress: Progress,
    work: Option<Work>,
    end: Option<EndReason>,
    over: bool,
    down: bool,
    wait: Duration,  // before what is asked next
    pause: Duration, // after the next break
    on_lost: Box<dyn FnMut(&Error) + Send>,
}

type Work = Pin<Box<dyn Future<Output = Result<Came, Error>> + Send>>;

#[allow(clippy::large_enum_variant)] // nearly all are of the large kind
enum Came {
    Response(SubscribeResponse, Streaming<SubscribeResponse>),
    Screen(String, Option<Snapshot>), // of a session, where it was lost
}

impl Subscription {
    pub(crate) fn new(client: Client, request: SubscribeRequest) -> Self {
        let (progress, on_lost) = (Progress::new(request), Box::new(|_: &Error| ()));
        Self { client, progress, work: None, end: None, over: false, down: false, wait: Duration::ZERO, pause: FIRST_PAUSE, on_lost }
    }

    /// Is told of each outage, once, when it begins.
    pub fn on_lost(mut self, told: impl FnMut(&Error) + Send + 'static) -> Self {
        self.on_lost = Box::new(told);
        self
    }

    /// Waits for the next item; None: it is over, and [`end`](Self::end) says why.
    pub async fn next(&mut self) -> Option<Result<Item, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Why it is over; None: it is not, or an error ended it. [`EndReason::Unspecified`] stands for a reason of a newer contract.
    pub fn end(&self) -> Option<EndReason> {
        self.end
    }

    /// Where to go on behind the items that were taken: for `SubscribeRequest::start`, in another process, say.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.progress.cursors()
    }

    fn ask(&mut self) -> Option<Work> {
        let (mut service, wait) = (self.client.service(), std::mem::take(&mut self.wait));
        match (self.progress.request(), self.progress.owed()) {
            (_, Some(session)) => Some(Box::pin(async move {
                sleep(wait).await;
                match service.snapshot(SnapshotRequest { session: session.clone() }).await.map_err(Error::from) {
                    Err(error) if error.broken() => Err(error),
                    answer => Ok(Came::Screen(session, answer.ok().and_then(|answer| answer.into_inner().snapshot))),
                }
            })),
            (Some(request), None) => Some(Box::pin(async move {
                sleep(wait).await;
                read(service.subscribe(request).await?.into_inner()).await
            })),
            (None, None) => {
                (self.end, self.over) = (Some(self.progress.end()), true);
                None
            }
        }
    }

    fn take(&mut self, came: Came) {
        match came {
            Came::Screen(session, snapshot) => {
                self.progress.excuse(&session);
                self.progress.receive(SubscribeResponse { events: vec![], sign: snapshot.map(Sign::Snapshot) });
            }
            Came::Response(SubscribeResponse { sign: Some(Sign::End(end)), .. }, stream) => match end.reason() {
                EndReason::Draining => self.work = Some(Box::pin(read(stream))), // the server closes it: a break like any other
                reason => (self.end, self.over) = (Some(reason), true),
            },
            Came::Response(response, stream) => {
                (self.down, self.pause) = (false, FIRST_PAUSE);
                self.progress.receive(response);
                self.work = Some(Box::pin(read(stream)));
            }
        }
    }

    /// Returns when it is right to go on, after a pause where the stream broke; an error: what trying again does not mend.
    fn mend(&mut self, error: Error) -> Result<(), Error> {
        if error.code == Code::NotFound && error.metadata.get("session").is_some_and(|session| self.progress.forget(session)) {
            return Ok(()); // it was deleted, and nobody named it
        } else if !error.broken() {
            self.over = true;
            return Err(error);
        } else if !std::mem::replace(&mut self.down, true) {
            (self.on_lost)(&error);
        }
        let random = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
        self.wait = self.pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random);
        if !(self.client.local && error.unheard) {
            // else to knock costs nothing
            self.pause = (self.pause * 2).min(if self.client.local { MAX_LOCAL_PAUSE } else { MAX_PAUSE });
        }
        Ok(())
    }
}

async fn read(mut stream: Streaming<SubscribeResponse>) -> Result<Came, Error> {
    let response = stream.message().await?.ok_or_else(|| Status::unavailable("the stream broke off without its end"))?;
    Ok(Came::Response(response, stream))
}

impl Stream for Subscription {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.progress.show() {
                return Poll::Ready(Some(Ok(item)));
            } else if self.over {
                return Poll::Ready(None);
            }
            let Some(mut work) = self.work.take().or_else(|| self.ask()) else { continue };
            match work.as_mut().poll(cx) {
                Poll::Pending => {
                    self.work = Some(work);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(came)) => self.take(came),
                Poll::Ready(Err(error)) => self.mend(error)?,
            }
        }
    }
}
