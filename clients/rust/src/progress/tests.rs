use std::collections::BTreeMap;

use super::*;
use crate::v1::{Completed, End, Filter, Latest, Output, Position, Session};

const EPOCH: u64 = 7;
const MOST_CUTS: usize = 16; // more messages than any stream of these tests has

/// One session whose events all exist, and become visible bit by bit; the last is `completed`.
#[derive(Clone)]
struct Log {
    id: &'static str,
    name: &'static str,
    length: u64,
    head: u64,
    oldest: u64,
    kind: SessionKind,
}

impl Log {
    fn new(id: &'static str, name: &'static str, length: u64, head: u64) -> Self {
        Log { id, name, length, head, oldest: 1, kind: SessionKind::Command }
    }

    fn event(&self, seq: u64) -> Event {
        let output = Payload::Output(Output { data: vec![seq as u8], ..Output::default() });
        let payload = Some(if seq == self.length { Payload::Completed(Completed::default()) } else { output });
        Event { session_id: self.id.into(), seq, payload, ..Event::default() }
    }

    fn cursor(&self, seq: u64) -> Cursor {
        Cursor { session_id: self.id.into(), epoch: EPOCH, seq }
    }

    fn header(&self, seq: u64) -> SubscribeResponse {
        let session = Session { id: self.id.into(), name: self.name.into(), kind: self.kind.into(), ..Session::default() };
        sign(Sign::Header(Header { session: Some(session), cursor: Some(self.cursor(seq)) }))
    }
}

fn sign(sign: Sign) -> SubscribeResponse {
    SubscribeResponse { events: vec![], sign: Some(sign) }
}

fn logs() -> Vec<Log> {
    vec![Log::new("id0", "name0", 7, 4), Log::new("id1", "name1", 5, 0)]
}

/// Subscribe as the contract has it. The world goes on, by two events a session, whenever a stream has nothing left to send, and between
/// streams.
struct Service {
    logs: Vec<Log>,
    batch: u64,
    seen: Vec<SubscribeRequest>,
}

/// Takes a response; None: the stream broke.
type Give<'a> = &'a mut dyn FnMut(SubscribeResponse) -> Option<()>;

impl Service {
    fn new(logs: Vec<Log>, batch: u64) -> Self {
        Service { logs, batch, seen: vec![] }
    }

    fn grow(&mut self) -> bool {
        let before: u64 = self.logs.iter().map(|log| log.head).sum();
        self.logs.iter_mut().for_each(|log| log.head = log.length.min(log.head + 2));
        self.logs.iter().map(|log| log.head).sum::<u64>() > before
    }

    fn start(request: &SubscribeRequest, log: &Log) -> u64 {
        match &request.start {
            Some(Start::After(after)) => {
                let cursor = after.cursors.iter().find(|cursor| cursor.session_id == log.id);
                assert!(cursor.is_none_or(|cursor| cursor.epoch == EPOCH && cursor.seq <= log.head), "a cursor that no stream has given");
                cursor.map_or(log.oldest - 1, |cursor| cursor.seq)
            }
            Some(Start::Latest(_)) => log.head,
            Some(Start::Tail(count)) => log.head.saturating_sub(u64::from(*count)).max(log.oldest - 1),
            _ => log.oldest - 1,
        }
    }

    fn stream(&mut self, request: &SubscribeRequest, give: Give) -> Option<()> {
        if !self.seen.is_empty() {
            self.grow();
        }
        self.seen.push(request.clone());
        let all = request.sessions.iter().any(|name| name == "*");
        let mut places = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for log in self.logs.iter().filter(|log| all || request.sessions.iter().any(|name| [log.id, log.name].contains(&name.as_str()))) {
            let start = Self::start(request, log);
            places.insert(log.id, start);
            targets.insert(log.id, log.head);
            give(log.header(start))?;
        }
        loop {
            for log in &self.logs {
                if let Some(place) = places.get_mut(log.id) {
                    self.advance(request, log, place, &mut targets, give)?;
                }
            }
            let done = self.logs.iter().all(|log| places.get(log.id).is_none_or(|seq| *seq == log.length));
            if request.until_caught_up && targets.is_empty() {
                return give(sign(Sign::End(End { reason: EndReason::CaughtUp.into() })));
            } else if done && !all {
                return give(sign(Sign::End(End { reason: EndReason::AllEnded.into() })));
            }
            if request.heartbeat_interval.is_some() {
                let followed = self.logs.iter().filter_map(|log| Some(log.cursor(*places.get(log.id)?)));
                let positions = followed.map(|cursor| Position { cursor: Some(cursor), ..Position::default() }).collect();
                give(sign(Sign::Heartbeat(Heartbeat { time: None, positions })))?;
            }
            self.grow().then_some(())?;
        }
    }

    fn advance(&self, request: &SubscribeRequest, log: &Log, place: &mut u64, targets: &mut BTreeMap<&str, u64>, give: Give) -> Option<()> {
        if *place < log.oldest - 1 {
            let reason = GapReason::Retention.into();
            let gap = Gap { session_id: log.id.into(), first_seq: *place + 1, last_seq: log.oldest - 1, reason, ..Gap::default() };
            *place = log.oldest - 1;
            give(sign(Sign::Gap(gap)))?;
        }
        while *place < log.head {
            let last = log.head.min(*place + self.batch);
            let passes = |event: &Event| request.filter.is_none() || matches!(event.payload, Some(Payload::Completed(_)));
            let events: Vec<Event> = (*place + 1..=last).map(|seq| log.event(seq)).filter(passes).collect();
            *place = last;
            if !events.is_empty() {
                give(SubscribeResponse { events, sign: None })?;
            }
        }
        if targets.get(log.id).is_some_and(|target| *place >= *target) {
            targets.remove(log.id);
            give(sign(Sign::CaughtUp(CaughtUp { cursor: Some(log.cursor(*place)) })))?;
        }
        Some(())
    }
}

/// What is shown when the first streams break after so many messages, and the last one does not.
fn follow(service: &mut Service, request: &SubscribeRequest, cuts: &[usize]) -> (Vec<Item>, Option<EndReason>) {
    let mut progress = Progress::new(request.clone());
    let (mut shown, mut end) = (vec![], None);
    for &cut in cuts.iter().chain([&usize::MAX]) {
        let Some(asked) = progress.request() else { return (shown, Some(progress.end())) };
        let mut left = cut;
        service.stream(&asked, &mut |response| {
            left = left.checked_sub(1)?;
            if let Some(Sign::End(said)) = response.sign {
                end = Some(said.reason());
                return None;
            }
            progress.receive(response);
            shown.extend(std::iter::from_fn(|| progress.show()));
            Some(())
        });
        if end.is_some() {
            break;
        }
    }
    (shown, end)
}

/// Tries with streams that break after each pair of numbers of messages.
fn every_cut(attempt: impl Fn(&[usize])) {
    for first in 0..MOST_CUTS {
        for second in 0..MOST_CUTS {
            attempt(&[first, second]);
        }
    }
}

/// Each session has one header, first, and behind it each event from there to the end, and one `caught_up`.
fn assert_shown_once(shown: &[Item], all: &[Log], cuts: &[usize]) {
    let (mut at, mut caught_up) = (BTreeMap::new(), Vec::new());
    for item in shown {
        match item {
            Item::Header(header) => {
                let cursor = header.cursor.clone().unwrap();
                assert_eq!(at.insert(cursor.session_id, cursor.seq), None, "a header came twice: {cuts:?}");
            }
            Item::Event(event) => {
                assert_eq!(at.insert(event.session_id.clone(), event.seq), Some(event.seq - 1), "out of order: {cuts:?}");
            }
            Item::CaughtUp(sign) => {
                let id = sign.cursor.clone().unwrap().session_id;
                assert!(!caught_up.contains(&id), "caught_up came twice: {cuts:?}");
                caught_up.push(id);
            }
            other => panic!("nobody asked for {other:?}: {cuts:?}"),
        }
    }
    for log in all {
        assert_eq!(at.get(log.id), Some(&log.length), "not all of {} came: {cuts:?}", log.id);
    }
}

fn of(sessions: &[&str]) -> SubscribeRequest {
    SubscribeRequest { sessions: sessions.iter().map(|name| (*name).to_owned()).collect(), ..SubscribeRequest::default() }
}

fn behind(cursor: Cursor) -> Option<Start> {
    Some(Start::After(Cursors { cursors: vec![cursor] }))
}

#[test]
fn every_event_is_shown_once_from_the_oldest_whatever_breaks() {
    every_cut(|cuts| {
        let mut service = Service::new(logs(), 2);
        let (shown, _) = follow(&mut service, &of(&["name0", "name1"]), cuts);
        assert_shown_once(&shown, &service.logs, cuts);
    });
}

#[test]
fn a_relative_start_means_one_moment_whatever_breaks() {
    let tail = SubscribeRequest { start: Some(Start::Tail(2)), ..of(&["name0", "id1"]) };
    let latest = SubscribeRequest { start: Some(Start::Latest(Latest {})), ..of(&["*"]) };
    for request in [tail, latest] {
        every_cut(|cuts| {
            let mut service = Service::new(logs(), 2);
            let (shown, _) = follow(&mut service, &request, cuts);
            assert_shown_once(&shown, &service.logs, cuts);
            assert!(matches!(shown[0], Item::Header(_)));
            let asked: Vec<bool> = service.seen.iter().map(|asked| matches!(asked.start, Some(Start::After(_)))).collect();
            assert!(asked.is_sorted(), "the moment was asked for again after it was fixed: {cuts:?}");
        });
    }
}

#[test]
fn until_caught_up_gives_all_that_was_there_whatever_breaks() {
    for sessions in [&["name0", "name1"][..], &["*"]] {
        every_cut(|cuts| {
            let request = SubscribeRequest { until_caught_up: true, ..of(sessions) };
            let (shown, end) = follow(&mut Service::new(logs(), 1), &request, cuts);
            let events = shown.iter().filter(|item| matches!(item, Item::Event(event) if event.session_id == "id0")).count();
            assert!(events >= 4 && end == Some(EndReason::CaughtUp), "{events} of 4, {end:?}: {cuts:?}");
        });
    }
}

#[test]
fn a_gap_is_shown_once_before_the_first_event_behind_it() {
    every_cut(|cuts| {
        let log = Log { oldest: 3, ..Log::new("id", "name", 6, 4) };
        let request = SubscribeRequest { start: behind(log.cursor(0)), ..of(&["name"]) };
        let (shown, _) = follow(&mut Service::new(vec![log], 1), &request, cuts);
        let told: Vec<u64> = shown
            .iter()
            .flat_map(|item| match item {
                Item::Gap(gap) => vec![gap.first_seq, gap.last_seq],
                Item::Event(event) => vec![event.seq],
                _ => vec![],
            })
            .collect();
        assert_eq!(told, [1, 2, 3, 4, 5, 6], "{cuts:?}");
    });
}

#[test]
fn the_callers_cursors_are_gone_on_from() {
    every_cut(|cuts| {
        let mut service = Service::new(logs(), 1);
        let request = SubscribeRequest { start: behind(service.logs[0].cursor(3)), ..of(&["name0", "name1"]) };
        let (shown, _) = follow(&mut service, &request, cuts);
        assert_shown_once(&shown, &service.logs, cuts);
    });
}

#[test]
fn what_a_filter_hides_is_not_read_again_after_a_heartbeat() {
    let log = &logs()[0];
    let mut progress = Progress::new(SubscribeRequest { filter: Some(Filter::default()), ..of(&["name0"]) });
    assert!(progress.request().unwrap().heartbeat_interval.is_some(), "only a heartbeat tells how far a stream is that shows nothing");
    progress.receive(log.header(0));
    let positions = vec![Position { cursor: Some(log.cursor(4)), ..Position::default() }];
    progress.receive(sign(Sign::Heartbeat(Heartbeat { time: None, positions })));
    assert!(matches!(progress.show(), Some(Item::Header(_))));
    assert_eq!(progress.show(), None, "the heartbeat was shown");
    assert_eq!(progress.request().unwrap().start, behind(log.cursor(4)));
    let request = SubscribeRequest { heartbeat_interval: Some(prost_types::Duration::default()), ..of(&["name0"]) };
    let (shown, _) = follow(&mut Service::new(logs(), 1), &request, &[]);
    assert!(shown.iter().any(|item| matches!(item, Item::Heartbeat(_))), "a heartbeat that was asked for is not shown");
}

#[test]
fn a_session_is_followed_by_its_id_and_left_out_when_it_is_over() {
    let mut progress = Progress::new(of(&["name0", "name1"]));
    progress.request();
    for log in logs() {
        progress.receive(log.header(0));
    }
    while progress.show().is_some() {}
    assert_eq!(progress.request().unwrap().sessions, ["id0", "id1"]);
    progress.receive(SubscribeResponse { events: vec![logs()[0].event(7)], sign: None });
    progress.show();
    let asked = progress.request().unwrap();
    assert_eq!((asked.sessions, asked.start), (vec!["id1".to_owned()], behind(logs()[1].cursor(0))));
    progress.receive(SubscribeResponse { events: vec![logs()[1].event(5)], sign: None });
    progress.show();
    assert_eq!(progress.request(), None);
    assert_eq!(progress.end(), EndReason::AllEnded);
}

#[test]
fn a_screen_that_was_promised_is_owed_until_it_comes_or_events_do() {
    let log = Log { kind: SessionKind::Terminal, ..Log::new("id", "name", 9, 3) };
    let mut progress = Progress::new(SubscribeRequest { snapshot: true, ..of(&["name"]) });
    progress.request();
    progress.receive(log.header(3));
    progress.show();
    assert!(!progress.request().unwrap().snapshot, "it is not asked of the stream again");
    assert_eq!(progress.owed().as_deref(), Some("id"));
    progress.receive(sign(Sign::Snapshot(Snapshot { session_id: "id".into(), as_of_seq: 4, ..Snapshot::default() })));
    progress.show();
    assert_eq!((progress.owed(), progress.cursors()), (None, vec![log.cursor(4)]), "events up to the screen are on it");
    let gap = Gap { session_id: "id".into(), first_seq: 5, last_seq: 6, reason: GapReason::Slow.into(), ..Gap::default() };
    progress.receive(sign(Sign::Gap(gap)));
    progress.show();
    assert_eq!(progress.owed().as_deref(), Some("id"), "the screen behind a gap of a slow reader");
    progress.receive(SubscribeResponse { events: vec![log.event(7)], sign: None });
    progress.show();
    assert_eq!(progress.owed(), None, "events follow a screen that was not to be had");
}

#[test]
fn the_loss_of_a_session_is_an_error_only_for_who_named_it() {
    for (sessions, forgiven) in [(&["*"][..], true), (&["name0"], false)] {
        let mut progress = Progress::new(of(sessions));
        progress.request();
        progress.receive(logs()[0].header(0));
        progress.show();
        assert_eq!(progress.forget("id0"), forgiven);
        assert_eq!(progress.cursors().is_empty(), forgiven);
    }
}
