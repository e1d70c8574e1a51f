use super::*;
use crate::v1::{Completed, Cursors, Filter, Gap, Header, Heartbeat, Position, Session, Snapshot};

const MOMENT: u64 = 9;

fn of(sessions: &[&str]) -> SubscribeRequest {
    SubscribeRequest { sessions: sessions.iter().map(|name| (*name).into()).collect(), ..SubscribeRequest::default() }
}

fn sign(sign: Sign) -> SubscribeResponse {
    SubscribeResponse { events: vec![], sign: Some(sign) }
}

fn events(seqs: &[u64], payload: Option<Payload>) -> SubscribeResponse {
    let event = |seq: &u64| Event { session_id: "id".into(), seq: *seq, payload: payload.clone(), ..Event::default() };
    SubscribeResponse { events: seqs.iter().map(event).collect(), sign: None }
}

fn header(place: Place) -> SubscribeResponse {
    let session = Some(Session { id: "id".into(), name: "name".into(), ..Session::default() });
    sign(Sign::Header(Header { session, place: Some(place), moment: MOMENT, ..Header::default() }))
}

fn heartbeat(session_id: &str, seq: u64) -> SubscribeResponse {
    let positions = vec![Position { cursor: Some(cursor(session_id, seq)), ..Position::default() }];
    sign(Sign::Heartbeat(Heartbeat { positions, moment: MOMENT, ..Heartbeat::default() }))
}

fn cursor(session_id: &str, seq: u64) -> Cursor {
    Cursor { session_id: session_id.into(), epoch: 7, seq }
}

fn gap(last_seq: u64, snapshot_due: bool) -> SubscribeResponse {
    sign(Sign::Gap(Gap { session_id: "id".into(), last_seq, snapshot_due, ..Gap::default() }))
}

fn screen(as_of_seq: u64) -> SubscribeResponse {
    sign(Sign::Snapshot(Snapshot { session_id: "id".into(), as_of_seq, ..Snapshot::default() }))
}

/// How many items are shown of what was received.
fn show(progress: &mut Progress) -> usize {
    std::iter::from_fn(|| progress.show()).count()
}

#[test]
fn what_comes_is_taken_into_the_place_when_it_is_shown() {
    let at = |seq| Place { epoch: 7, seq, asked_as: "name".into(), ..Place::default() };
    let due = |seq| Place { snapshot_due: true, ..at(seq) };
    let caught_up = |seq| sign(Sign::CaughtUp(CaughtUp { cursor: Some(cursor("id", seq)) }));
    for (what, before, comes, after) in [
        ("a header brings the place as it is", at(1), header(Place { caught_up: true, ..due(4) }), Place { caught_up: true, ..due(4) }),
        ("an event moves it, and stands for a screen", due(1), events(&[2, 5], None), at(5)),
        ("the last event ends it", at(1), events(&[2], Some(Payload::Completed(Completed::default()))), Place { completed: true, ..at(2) }),
        ("a screen that was due came", due(1), screen(3), at(3)),
        ("a screen does not lead back", at(5), screen(3), at(5)),
        ("behind a gap a screen may be due", at(1), gap(6, true), due(6)),
        ("or none", due(1), gap(6, false), at(6)),
        ("it is caught up", at(1), caught_up(4), Place { caught_up: true, ..at(4) }),
        ("a heartbeat moves it over what is hidden", due(1), heartbeat("id", 8), due(8)),
        ("a heartbeat does not lead back", at(9), heartbeat("id", 8), at(9)),
        ("a heartbeat of a session without a header says nothing", at(1), heartbeat("another", 8), at(1)),
        ("a sign of a newer contract says nothing", at(1), SubscribeResponse::default(), at(1)),
    ] {
        let mut progress = Progress::new(of(&["name"]));
        progress.receive(header(before.clone()));
        show(&mut progress);
        progress.receive(comes);
        assert_eq!(progress.request().resume.unwrap().places, [("id".into(), before)].into(), "{what}: not before it is shown");
        show(&mut progress);
        assert_eq!(progress.request().resume.unwrap().places, [("id".into(), after)].into(), "{what}");
    }
}

#[test]
fn the_server_is_asked_the_same_again_with_the_moment_that_it_said_first() {
    let asked = SubscribeRequest { snapshot: true, ..of(&["name"]) };
    for first in [header(Place::default()), heartbeat("id", 1)] {
        let mut progress = Progress::new(asked.clone());
        assert_eq!(progress.request(), SubscribeRequest { resume: Some(Resume::default()), ..asked.clone() });
        progress.receive(first);
        progress.receive(sign(Sign::Heartbeat(Heartbeat { moment: MOMENT + 1, ..Heartbeat::default() })));
        show(&mut progress);
        let again = progress.request();
        assert_eq!(again.resume.as_ref().unwrap().moment, MOMENT);
        assert_eq!(SubscribeRequest { resume: None, ..again }, asked);
    }
}

#[test]
fn heartbeats_are_asked_for_where_they_are_needed_and_shown_to_who_asked() {
    let filter = Some(Filter::default());
    let own = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    for (what, asked, interval, shown) in [
        ("one session", of(&["name"]), None, 0),
        ("all sessions", of(&["*"]), Some(POSITION_INTERVAL), 0),
        ("a filter", SubscribeRequest { filter, ..of(&["name"]) }, Some(POSITION_INTERVAL), 0),
        ("the caller's own", SubscribeRequest { heartbeat_interval: own, ..of(&["*"]) }, own, 1),
    ] {
        let mut progress = Progress::new(asked);
        assert_eq!(progress.request().heartbeat_interval, interval, "{what}");
        progress.receive(heartbeat("id", 1));
        assert_eq!(show(&mut progress), shown, "{what}");
    }
}

#[test]
fn cursors_are_the_callers_own_until_a_header_comes() {
    let after = Cursors { cursors: vec![cursor("id", 2), cursor("another", 3)] };
    let mut progress = Progress::new(SubscribeRequest { start: Some(Start::After(after.clone())), ..of(&["name", "another"]) });
    assert_eq!(progress.cursors(), after.cursors);
    progress.receive(header(Place { epoch: 7, seq: 2, ..Place::default() }));
    progress.receive(events(&[5], None));
    show(&mut progress);
    assert_eq!(progress.cursors(), [cursor("another", 3), cursor("id", 5)]);
}
