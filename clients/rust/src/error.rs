//! What goes wrong: the server's word, or what became of the way to it. Knows the wire form of errors, and no calls.

use std::collections::HashMap;
use std::{error, fmt, iter};

use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorInfo, StatusExt};

/// What the server, or the way to it, has to say. A call's [`Status`] becomes one by `?`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Error {
    /// gRPC's status; [`Code::Unavailable`] for whatever happened on the way.
    pub code: Code,
    /// A stable word for programs, such as `SESSION_NOT_FOUND`; empty: none was given.
    pub reason: String,
    /// What happened, what it means and what to do, for people.
    pub message: String,
    /// The variables of the message, such as `session`.
    pub metadata: HashMap<String, String>,
    /// It happened on the way, and the server said nothing.
    pub(crate) unheard: bool,
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let (reason, metadata) = status.get_details_error_info().map(|info| (info.reason, info.metadata)).unwrap_or_default();
        // Where tonic knows a source, the code is its guess, another for each way in which a connection breaks.
        let source = error::Error::source(&status).map(deepest);
        let message = source.map_or_else(|| status.message().into(), ToString::to_string);
        Self { code: source.map_or(status.code(), |_| Code::Unavailable), reason, message, metadata, unheard: source.is_some() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl error::Error for Error {}

/// The status of a call that got no answer, not even a refusal.
pub(crate) fn unanswered(why: tonic::transport::Error, reached: bool) -> Status {
    let cause = deepest(&why);
    if cause.is::<TimeoutExpired>() {
        return Status::deadline_exceeded("the call's own time was over");
    } else if reached {
        return Status::from_error(why.into());
    }
    let what = format!("no Sightline server answers ({cause}): start one with `sightline serve`, or set SIGHTLINE_TARGET to where it is");
    let info = ErrorInfo::new("SERVER_NOT_FOUND", "sightline", HashMap::<String, String>::new());
    Status::with_error_details_vec(Code::Unavailable, what, [info.into()])
}

fn deepest<'a>(error: &'a (dyn error::Error + 'static)) -> &'a (dyn error::Error + 'static) {
    iter::successors(Some(error), |&cause| cause.source()).last().unwrap_or(error)
}
