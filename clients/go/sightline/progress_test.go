package sightline

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	pb "sightline.dev/go/sightlinev1"
)

const mostCuts = 16 // more messages than any stream of these tests has

// follow is what is shown when the first streams break after so many messages, and the last one does not.
func follow(s *service, request *pb.SubscribeRequest, cuts ...int) (shown []Item, end pb.EndReason) {
	p := &progress{given: request}
	for _, cut := range append(cuts, 1<<30) {
		asked := p.request()
		if asked == nil {
			return shown, end
		}
		left := cut
		s.stream(proto.CloneOf(asked), func(response *pb.SubscribeResponse) bool {
			if left--; left < 0 {
				return false
			} else if response.GetEnd() != nil {
				end = response.GetEnd().Reason
				return false
			}
			p.receive(response)
			for item := p.show(); item != nil; item = p.show() {
				shown = append(shown, item)
			}
			return true
		})
		if end != pb.EndReason_END_REASON_UNSPECIFIED {
			return shown, end
		}
	}
	return shown, end
}

// everyCut calls try with streams that break after each pair of numbers of messages.
func everyCut(t *testing.T, try func(t *testing.T, cuts ...int)) {
	for first := range mostCuts {
		for second := range mostCuts {
			t.Run(fmt.Sprintf("cut after %d and %d", first, second), func(t *testing.T) { try(t, first, second) })
		}
	}
}

func logs() []*log {
	return []*log{{id: "id0", name: "name0", length: 7, head: 4, oldest: 1}, {id: "id1", name: "name1", length: 5, head: 3, oldest: 1}}
}

// checkShownOnce holds that each session has one header, first, and behind it each event from there to the end, and one caught_up.
func checkShownOnce(t *testing.T, shown []Item, all []*log) {
	t.Helper()
	at, caughtUp := map[string]uint64{}, map[string]bool{}
	for _, item := range shown {
		switch item := item.(type) {
		case *pb.Header:
			if _, again := at[item.Session.Id]; again {
				t.Errorf("the header of %s came twice", item.Session.Id)
			}
			at[item.Session.Id] = item.Cursor.Seq
		case *pb.Event:
			if before, known := at[item.SessionId]; !known || item.Seq != before+1 {
				t.Errorf("event %d of %s came behind %d", item.Seq, item.SessionId, before)
			}
			at[item.SessionId] = item.Seq
		case *pb.CaughtUp:
			if caughtUp[item.Cursor.SessionId] {
				t.Errorf("caught_up of %s came twice", item.Cursor.SessionId)
			}
			caughtUp[item.Cursor.SessionId] = true
		case *pb.Heartbeat:
			t.Error("a heartbeat came that nobody asked for")
		}
	}
	for _, l := range all {
		if at[l.id] != l.length {
			t.Errorf("%s came up to %d of %d", l.id, at[l.id], l.length)
		}
	}
}

func TestEveryEventIsShownOnceFromTheOldestWhateverBreaks(t *testing.T) {
	everyCut(t, func(t *testing.T, cuts ...int) {
		s := &service{logs: logs(), batch: 2}
		shown, _ := follow(s, &pb.SubscribeRequest{Sessions: []string{"name0", "name1"}}, cuts...)
		checkShownOnce(t, shown, s.logs)
	})
}

func TestARelativeStartMeansOneMomentWhateverBreaks(t *testing.T) {
	for _, request := range []*pb.SubscribeRequest{
		{Sessions: []string{"name0", "id1"}, Start: &pb.SubscribeRequest_Tail{Tail: 2}},
		{Sessions: []string{"*"}, Start: &pb.SubscribeRequest_Latest{Latest: &pb.Latest{}}},
	} {
		everyCut(t, func(t *testing.T, cuts ...int) {
			s := &service{logs: logs(), batch: 2}
			shown, _ := follow(s, request, cuts...)
			checkShownOnce(t, shown, s.logs)
			fixed := false
			for _, asked := range s.seen {
				_, after := asked.Start.(*pb.SubscribeRequest_After)
				if fixed && !after {
					t.Error("the moment was asked for again after it was fixed")
				}
				fixed = fixed || after
			}
			for _, item := range shown {
				if header, ok := item.(*pb.Header); ok && header.Cursor.Seq == 0 {
					t.Errorf("%s began at its oldest event", header.Session.Id)
				}
			}
		})
	}
}

func TestUntilCaughtUpGivesAllThatWasThereWhateverBreaks(t *testing.T) {
	for _, sessions := range [][]string{{"name0", "name1"}, {"*"}} {
		everyCut(t, func(t *testing.T, cuts ...int) {
			s := &service{logs: logs(), batch: 1}
			shown, end := follow(s, &pb.SubscribeRequest{Sessions: sessions, UntilCaughtUp: true}, cuts...)
			got := 0
			for _, item := range shown {
				if event, ok := item.(*pb.Event); ok && event.SessionId == "id0" {
					got++
				}
			}
			if got < 4 || sessions[0] == "*" && end != pb.EndReason_END_REASON_CAUGHT_UP {
				t.Errorf("%d of 4 events, %v", got, end)
			}
		})
	}
}

func TestAGapIsShownOnceBeforeTheFirstEventBehindIt(t *testing.T) {
	everyCut(t, func(t *testing.T, cuts ...int) {
		l := &log{id: "id", name: "name", length: 6, head: 4, oldest: 3}
		s := &service{logs: []*log{l}, batch: 1}
		start := &pb.SubscribeRequest_After{After: &pb.Cursors{Cursors: []*pb.Cursor{l.cursor(0)}}}
		shown, _ := follow(s, &pb.SubscribeRequest{Sessions: []string{"name"}, Start: start}, cuts...)
		var told []uint64
		for _, item := range shown {
			switch item := item.(type) {
			case *pb.Gap:
				told = append(told, item.FirstSeq, item.LastSeq)
			case *pb.Event:
				told = append(told, item.Seq)
			}
		}
		if fmt.Sprint(told) != "[1 2 3 4 5 6]" {
			t.Error(told)
		}
	})
}

func TestTheCallersCursorsAreGoneOnFrom(t *testing.T) {
	everyCut(t, func(t *testing.T, cuts ...int) {
		s := &service{logs: logs(), batch: 1}
		start := &pb.SubscribeRequest_After{After: &pb.Cursors{Cursors: []*pb.Cursor{s.logs[0].cursor(3)}}}
		shown, _ := follow(s, &pb.SubscribeRequest{Sessions: []string{"name0", "name1"}, Start: start}, cuts...)
		checkShownOnce(t, shown, s.logs)
	})
}

func TestWhatAFilterHidesIsNotReadAgainAfterAHeartbeat(t *testing.T) {
	l := logs()[0]
	request := &pb.SubscribeRequest{Sessions: []string{"name0"}, Filter: &pb.Filter{Kinds: []pb.EventKind{pb.EventKind_EVENT_KIND_COMPLETED}}}
	p := &progress{given: request}
	if p.request().HeartbeatInterval == nil {
		t.Fatal("only a heartbeat tells how far a stream is that shows nothing")
	}
	p.receive(l.header(0))
	beat := &pb.Heartbeat{Positions: []*pb.Position{{Cursor: l.cursor(4)}}}
	p.receive(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Heartbeat{Heartbeat: beat}})
	if _, header := p.show().(*pb.Header); !header || p.show() != nil {
		t.Error("the heartbeat was shown")
	}
	if got := p.request().GetAfter().Cursors[0].Seq; got != 4 {
		t.Errorf("asks behind %d again", got)
	}
	request = &pb.SubscribeRequest{Sessions: []string{"name0"}, HeartbeatInterval: durationpb.New(time.Second)}
	shown, _ := follow(&service{logs: logs(), batch: 1}, request)
	if _, ok := shown[len(shown)-2].(*pb.Heartbeat); !ok {
		t.Error("a heartbeat that was asked for is not shown")
	}
}

func TestASessionIsFollowedByItsIDAndLeftOutWhenItIsOver(t *testing.T) {
	p := &progress{given: &pb.SubscribeRequest{Sessions: []string{"name0", "name1"}}}
	p.request()
	for _, l := range logs() {
		p.receive(l.header(0))
	}
	for p.show() != nil {
	}
	if got := fmt.Sprint(p.request().Sessions); got != "[id0 id1]" {
		t.Error(got)
	}
	p.receive(&pb.SubscribeResponse{Events: []*pb.Event{logs()[0].event(7)}})
	p.show()
	if got := fmt.Sprint(p.request().Sessions); got != "[id1]" {
		t.Error(got)
	}
	p.receive(&pb.SubscribeResponse{Events: []*pb.Event{logs()[1].event(5)}})
	p.show()
	if p.request() != nil {
		t.Error("something is asked for though all is over")
	}
}

func TestAScreenThatWasPromisedIsOwedUntilItComesOrEventsDo(t *testing.T) {
	l := &log{id: "id", name: "name", length: 9, head: 3, oldest: 1, kind: pb.SessionKind_SESSION_KIND_TERMINAL}
	p := &progress{given: &pb.SubscribeRequest{Sessions: []string{"name"}, Snapshot: true}}
	p.request()
	p.receive(l.header(3))
	p.show()
	if !p.places["id"].owed || p.request().Snapshot {
		t.Error("after the header the screen is owed, and not asked of the stream again")
	}
	p.receive(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Snapshot{Snapshot: &pb.Snapshot{SessionId: "id", AsOfSeq: 4}}})
	p.show()
	if p.places["id"].owed || p.cursors()[0].Seq != 4 {
		t.Error("events up to the screen are on it")
	}
	gap := &pb.Gap{SessionId: "id", FirstSeq: 5, LastSeq: 6, Reason: pb.GapReason_GAP_REASON_SLOW}
	p.receive(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Gap{Gap: gap}})
	p.show()
	if !p.places["id"].owed {
		t.Error("the screen behind a gap of a slow reader is owed")
	}
	p.receive(&pb.SubscribeResponse{Events: []*pb.Event{l.event(7)}})
	p.show()
	if p.places["id"].owed {
		t.Error("events that come follow a screen that was not to be had")
	}
}

func TestWhatIsNotKnownIsNoError(t *testing.T) {
	p := &progress{given: &pb.SubscribeRequest{Sessions: []string{"name0"}}}
	p.request()
	p.receive(logs()[0].header(0))
	p.receive(&pb.SubscribeResponse{})
	p.receive(&pb.SubscribeResponse{Events: []*pb.Event{{SessionId: "id0", Seq: 1}}})
	p.show()
	if event, ok := p.show().(*pb.Event); !ok || event.Seq != 1 {
		t.Error("an event of an unknown kind is handed over as it is")
	}
	if got := p.cursors()[0].Seq; got != 1 {
		t.Errorf("the cursor is at %d", got)
	}
}
