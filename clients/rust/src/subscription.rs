//! A stream of items that resumes by itself: the I/O around `progress`. Knows calls, breaks and pauses, and no positions.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::sleep;
use tonic::{Code, Status, Streaming};

use crate::client::Client;
use crate::error::Error;
use crate::progress::{Item, Progress};
use crate::v1::subscribe_response::Sign;
use crate::v1::{Cursor, EndReason, SubscribeRequest, SubscribeResponse};

const FIRST_PAUSE: Duration = Duration::from_millis(100); // before the first try to resume; each further one is twice as long
const MAX_PAUSE: Duration = Duration::from_secs(1);
const JITTER: f64 = 0.2; // of a pause, so that a thousand clients do not come back at once

/// Gives each item once, in order, and resumes by itself where it was when the stream breaks. Made by [`Client::subscribe`].
///
/// Read it with [`next`](Self::next), which may be given up at any time (in a `select!`, say) and loses nothing, or as a [`Stream`]. An error is the
/// last item. To drop it lets go of the server at once.
pub struct Subscription {
    client: Client,
    progress: Progress,
    work: Option<Work>, // None: it is over
    end: Option<EndReason>,
    breaks: u32, // since a message came
    on_lost: Box<dyn FnMut(&Error) + Send>,
}

type Work = Pin<Box<dyn Future<Output = Result<(SubscribeResponse, Streaming<SubscribeResponse>), Error>> + Send>>;

impl Subscription {
    pub(crate) fn new(client: Client, request: SubscribeRequest) -> Self {
        let mut new = Self { client, progress: Progress::new(request), work: None, end: None, breaks: 0, on_lost: Box::new(|_| ()) };
        new.ask(Duration::ZERO);
        new
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

    fn ask(&mut self, pause: Duration) {
        let (mut service, request) = (self.client.service(), self.progress.request());
        self.work = Some(Box::pin(async move {
            sleep(pause).await;
            read(service.subscribe(request).await?.into_inner()).await
        }));
    }

    /// Asks again after a pause, where the stream broke; an error: what trying again does not mend.
    fn mend(&mut self, error: Error) -> Result<(), Error> {
        // Connection or server went away, so that the same may work at the server's next life.
        let broken = matches!(error.code, Code::Unavailable | Code::Cancelled) && matches!(error.reason.as_str(), "" | "DRAINING");
        if !broken {
            self.work = None;
            return Err(error);
        } else if self.breaks == 0 {
            (self.on_lost)(&error);
        }
        let longest = if self.client.local && error.unheard { FIRST_PAUSE } else { MAX_PAUSE }; // to knock costs nothing here
        let random = RandomState::new().hash_one(0) as f64 / u64::MAX as f64;
        let pause = longest.min(FIRST_PAUSE * 2_u32.saturating_pow(self.breaks));
        self.breaks += 1;
        self.ask(pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random));
        Ok(())
    }
}

fn read(mut stream: Streaming<SubscribeResponse>) -> Work {
    Box::pin(async move {
        let response = stream.message().await?.ok_or_else(|| Status::unavailable("the stream broke off without its end"))?;
        Ok((response, stream))
    })
}

impl Stream for Subscription {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.progress.show() {
                return Poll::Ready(Some(Ok(item)));
            }
            let Some(work) = &mut self.work else { return Poll::Ready(None) };
            match ready!(work.as_mut().poll(cx)) {
                Err(error) => self.mend(error)?,
                Ok((SubscribeResponse { sign: Some(Sign::End(end)), .. }, stream)) => {
                    // A server that goes down closes the stream then: a break like any other.
                    self.end = Some(end.reason()).filter(|reason| *reason != EndReason::Draining);
                    self.work = self.end.is_none().then(|| read(stream));
                }
                Ok((response, stream)) => {
                    (self.breaks, self.work) = (0, Some(read(stream)));
                    self.progress.receive(response);
                }
            }
        }
    }
}
