//! How far a subscription is: no I/O, no clock. `receive` takes what the server sent; `show` gives it on, and takes it into the places of
//! `Resume`; `request` is the same as at first, with them. All else the server knows. Together: each event is shown once, whatever breaks.

use std::collections::VecDeque;

use crate::v1::subscribe_request::Start;
use crate::v1::subscribe_response::Sign;
use crate::v1::{CaughtUp, Cursor, Event, Header, Heartbeat, Place, Resume, SubscribeRequest, SubscribeResponse, event::Payload};

const POSITION_INTERVAL: prost_types::Duration = prost_types::Duration { seconds: 15, nanos: 0 };

/// What a subscription gives: an event, or a sign of the stream itself, but for [`Sign::End`]: that is [`end`](crate::Subscription::end).
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, clippy::large_enum_variant)] // the messages say it; nearly all items are of the large kind
pub enum Item {
    Event(Event),
    Sign(Sign),
}

pub(crate) struct Progress {
    asked: SubscribeRequest, // at first; without `resume`
    resume: Resume,
    heartbeats: bool, // are for the caller too
    items: VecDeque<Item>,
}

impl Progress {
    pub fn new(mut asked: SubscribeRequest) -> Self {
        let heartbeats = asked.heartbeat_interval.is_some();
        if !heartbeats && (asked.filter.is_some() || asked.sessions.iter().any(|name| name == "*")) {
            // Only heartbeats move the position over what a filter hides, and say that a stream without sessions has begun.
            asked.heartbeat_interval = Some(POSITION_INTERVAL);
        }
        Self { resume: asked.resume.take().unwrap_or_default(), asked, heartbeats, items: VecDeque::new() }
    }

    /// What to ask the server now.
    pub fn request(&self) -> SubscribeRequest {
        SubscribeRequest { resume: Some(self.resume.clone()), ..self.asked.clone() }
    }

    /// Where to go on behind what was shown; of a session without a header, where the caller had begun.
    pub fn cursors(&self) -> Vec<Cursor> {
        let places = &self.resume.places;
        let reached = places.iter().map(|(id, place)| Cursor { session_id: id.clone(), epoch: place.epoch, seq: place.seq });
        let given = if let Some(Start::After(after)) = &self.asked.start { after.cursors.as_slice() } else { &[] };
        given.iter().filter(|cursor| !places.contains_key(&cursor.session_id)).cloned().chain(reached).collect()
    }

    pub fn receive(&mut self, response: SubscribeResponse) {
        self.items.extend(response.events.into_iter().map(Item::Event).chain(response.sign.map(Item::Sign)));
    }

    /// The next item, which counts as shown; None: there is none.
    pub fn show(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        match &item {
            Item::Event(event) => self.move_to(&event.session_id, event.seq, |place| {
                place.snapshot_due = false;
                place.completed |= matches!(event.payload, Some(Payload::Completed(_)));
            }),
            Item::Sign(sign) => self.keep(sign),
        }
        if self.heartbeats || !matches!(item, Item::Sign(Sign::Heartbeat(_))) { Some(item) } else { self.show() }
    }

    fn keep(&mut self, sign: &Sign) {
        if let Sign::Header(Header { moment, .. }) | Sign::Heartbeat(Heartbeat { moment, .. }) = sign
            && self.resume.moment == 0
        {
            self.resume.moment = *moment;
        }
        match sign {
            Sign::Header(Header { session: Some(session), place: Some(place), .. }) => {
                self.resume.places.insert(session.id.clone(), place.clone());
            }
            Sign::Snapshot(screen) => self.move_to(&screen.session_id, screen.as_of_seq, |place| place.snapshot_due = false),
            Sign::Gap(gap) => self.move_to(&gap.session_id, gap.last_seq, |place| place.snapshot_due = gap.snapshot_due),
            Sign::CaughtUp(CaughtUp { cursor: Some(to) }) => self.move_to(&to.session_id, to.seq, |place| place.caught_up = true),
            Sign::Heartbeat(Heartbeat { positions, .. }) => {
                for to in positions.iter().filter_map(|position| position.cursor.as_ref()) {
                    self.move_to(&to.session_id, to.seq, |_| ());
                }
            }
            _ => {}
        }
    }

    /// Nothing where the session has no header yet: it has no place then.
    fn move_to(&mut self, session: &str, seq: u64, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.resume.places.get_mut(session) {
            place.seq = place.seq.max(seq);
            change(place);
        }
    }
}

#[cfg(test)]
mod tests;
