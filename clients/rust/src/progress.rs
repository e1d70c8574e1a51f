//! How far a subscription is, and what to ask after a break: no I/O, no clock. `receive` takes what the server sent; `show` gives on what is to
//! be shown, and moves the cursors over it; `request` comes when nothing is left to show. Together: each event is shown once, whatever breaks,
//! wherever.

use std::collections::{BTreeMap, VecDeque};

use crate::v1::subscribe_request::Start;
use crate::v1::subscribe_response::Sign;
use crate::v1::{CaughtUp, Cursor, Cursors, Event, Gap, Header, Heartbeat, Snapshot, SubscribeRequest, SubscribeResponse};
use crate::v1::{EndReason, GapReason, SessionKind, event::Payload};

const POSITION_INTERVAL: i64 = 15; // seconds between the heartbeats that a subscription asks for itself

/// What a subscription gives: an event, or a sign of the stream itself.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, clippy::large_enum_variant)] // the messages say it; nearly all items are of the large kind
pub enum Item {
    Event(Event),
    Header(Header),
    Snapshot(Snapshot),
    CaughtUp(CaughtUp),
    Gap(Gap),
    Heartbeat(Heartbeat),
}

pub(crate) struct Progress {
    given: SubscribeRequest, // by the caller
    asked: SubscribeRequest, // of the server; without sessions: nothing is left to come
    opening: bool,           // the start is a moment, which the headers fix, and they are not complete: nothing is shown yet
    items: VecDeque<Item>,
    places: BTreeMap<String, Place>, // by the id of the session
}

/// How far one session is; a screen that is owed was promised and has not come.
#[derive(Default)]
struct Place {
    cursor: Cursor,
    headed: bool,
    caught_up: bool,
    screen: bool,
    owed: bool,
}

impl Progress {
    pub fn new(given: SubscribeRequest) -> Self {
        Self { given, asked: SubscribeRequest::default(), opening: true, items: VecDeque::new(), places: BTreeMap::new() }
    }

    /// What to ask the server now; None: nothing is left to come.
    pub fn request(&mut self) -> Option<SubscribeRequest> {
        if self.opening || self.given.start.is_none() && self.places.is_empty() {
            self.start_over();
        } else if self.asked.sessions.is_empty() {
            return None;
        } else {
            // A cursor that has no header yet is the caller's, and may be of a session that goes by its name.
            let wanted = |id: &String, here: &Place| !here.headed || self.all() || self.asked.sessions.contains(id);
            let cursors = self.places.iter().filter(|(id, here)| wanted(id, here)).map(|(_, here)| here.cursor.clone()).collect();
            self.asked.start = Some(Start::After(Cursors { cursors }));
            self.asked.snapshot = false;
        }
        Some(self.asked.clone())
    }

    fn start_over(&mut self) {
        self.asked = self.given.clone();
        if self.given.heartbeat_interval.is_none() && (self.all() || self.given.filter.is_some()) {
            // Only heartbeats move the position over what is hidden.
            self.asked.heartbeat_interval = Some(prost_types::Duration { seconds: POSITION_INTERVAL, nanos: 0 });
        }
        self.opening = self.given.snapshot || !matches!(self.given.start, None | Some(Start::After(_)));
        self.items.clear();
        self.places.clear();
        if let Some(Start::After(after)) = self.given.start.clone() {
            after.cursors.into_iter().for_each(|cursor| _ = self.move_to(cursor));
        }
    }

    fn all(&self) -> bool {
        self.given.sessions.iter().any(|name| name == "*")
    }

    /// The end that a broken stream could not send any more.
    pub fn end(&self) -> EndReason {
        if self.given.until_caught_up { EndReason::CaughtUp } else { EndReason::AllEnded }
    }

    /// Where to go on behind what was shown.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.places.values().map(|here| here.cursor.clone()).collect()
    }

    /// A session whose screen has to be fetched.
    pub fn owed(&self) -> Option<String> {
        self.places.iter().find(|(_, here)| here.owed && !self.opening).map(|(id, _)| id.clone())
    }

    /// It was fetched, or there is none to be had.
    pub fn excuse(&mut self, session: &str) {
        self.places.entry(session.into()).and_modify(|here| here.owed = false);
    }

    /// The session was deleted; false: the caller named it, so that its loss is an error.
    pub fn forget(&mut self, session: &str) -> bool {
        self.all() && self.places.remove(session).is_some()
    }

    /// A session's place, at the cursor or behind it; the epoch counts where the session is new.
    fn move_to(&mut self, to: Cursor) -> &mut Place {
        let seq = to.seq;
        let new = |to: Cursor| Place { cursor: to, ..Place::default() };
        let here = self.places.entry(to.session_id.clone()).or_insert_with(|| new(to));
        here.cursor.seq = here.cursor.seq.max(seq);
        here
    }

    pub fn receive(&mut self, response: SubscribeResponse) {
        self.items.extend(response.events.into_iter().map(Item::Event));
        let is_header = matches!(response.sign, Some(Sign::Header(_)));
        match response.sign {
            Some(Sign::Header(sign)) => self.header(sign),
            Some(Sign::Snapshot(sign)) => self.items.push_back(Item::Snapshot(sign)),
            Some(Sign::CaughtUp(sign)) => self.items.push_back(Item::CaughtUp(sign)),
            Some(Sign::Gap(sign)) => self.items.push_back(Item::Gap(sign)),
            Some(Sign::Heartbeat(sign)) => self.items.push_back(Item::Heartbeat(sign)),
            Some(Sign::End(_)) | None => {} // None: also a sign of a newer contract
        }
        let nameless = |name| self.places.get(name).is_none_or(|here| !here.headed);
        self.opening = self.opening && is_header && self.asked.sessions.iter().any(nameless);
    }

    fn header(&mut self, header: Header) {
        let (session, cursor) = (header.session.clone().unwrap_or_default(), header.cursor.clone().unwrap_or_default());
        let screens = [SessionKind::Terminal, SessionKind::Tmux, SessionKind::Screen];
        let (all, snapshot) = (self.all(), self.given.snapshot);
        // A caller's cursor stays: behind it may be a gap whose sign has not come.
        let here = self.places.entry(session.id.clone()).or_insert_with(|| Place { cursor, ..Place::default() });
        if here.headed {
            return; // it was shown before a break
        }
        here.headed = true;
        here.screen = screens.contains(&session.kind()) && session.end_time.is_none();
        here.owed = here.screen && snapshot;
        let names = [&session.id, &session.name, &format!("{}@{}", session.name, session.host)];
        self.asked.sessions.retain(|name| !names.contains(&name));
        if !all {
            self.asked.sessions.push(session.id); // its name may be another's by the time of a break
        }
        self.items.push_back(Item::Header(header));
    }

    /// The next item; None: there is none.
    pub fn show(&mut self) -> Option<Item> {
        while !self.opening {
            let item = self.items.pop_front()?;
            if self.pass(&item) {
                return Some(item);
            }
        }
        None
    }

    /// Moves the cursors over an item; false: it is not for the caller.
    fn pass(&mut self, item: &Item) -> bool {
        let at = |session_id: &str, seq| Cursor { session_id: session_id.into(), epoch: 0, seq };
        match item {
            Item::Header(_) => {}
            Item::Event(event) => {
                self.move_to(at(&event.session_id, event.seq)).owed = false;
                if matches!(event.payload, Some(Payload::Completed(_))) {
                    self.asked.sessions.retain(|name| *name != event.session_id);
                }
            }
            Item::Snapshot(snapshot) => self.move_to(at(&snapshot.session_id, snapshot.as_of_seq)).owed = false,
            Item::Gap(gap) => {
                let here = self.move_to(at(&gap.session_id, gap.last_seq)); // also one of some kinds: nothing of its range follows
                here.owed |= here.screen && gap.reason() == GapReason::Slow;
            }
            Item::CaughtUp(CaughtUp { cursor }) => {
                let cursor = cursor.clone().unwrap_or_default();
                if self.given.until_caught_up {
                    self.asked.sessions.retain(|name| *name != cursor.session_id);
                }
                let here = self.move_to(cursor);
                return !std::mem::replace(&mut here.caught_up, true); // else it was shown before a break
            }
            Item::Heartbeat(heartbeat) => {
                for cursor in heartbeat.positions.iter().filter_map(|position| position.cursor.clone()) {
                    self.move_to(cursor);
                }
                return self.given.heartbeat_interval.is_some();
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
