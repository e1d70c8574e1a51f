package sightline

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	pb "sightline.dev/go/sightlinev1"
)

func sent(sign any, events ...*pb.Event) *pb.SubscribeResponse {
	response := &pb.SubscribeResponse{Events: events}
	switch sign := sign.(type) {
	case *pb.Header:
		response.Sign = &pb.SubscribeResponse_Header{Header: sign}
	case *pb.Snapshot:
		response.Sign = &pb.SubscribeResponse_Snapshot{Snapshot: sign}
	case *pb.Gap:
		response.Sign = &pb.SubscribeResponse_Gap{Gap: sign}
	case *pb.CaughtUp:
		response.Sign = &pb.SubscribeResponse_CaughtUp{CaughtUp: sign}
	case *pb.Heartbeat:
		response.Sign = &pb.SubscribeResponse_Heartbeat{Heartbeat: sign}
	}
	return response
}

func cursor(seq uint64) *pb.Cursor { return &pb.Cursor{SessionId: "id", Epoch: 7, Seq: seq} }

func TestWhatIsShownIsTakenIntoThePlace(t *testing.T) {
	p := newProgress(&pb.SubscribeRequest{Sessions: []string{"name"}, Snapshot: true})
	first := &pb.Place{Epoch: 7, Seq: 3, AskedAs: "name", SnapshotDue: true}
	completed := &pb.Event_Completed{Completed: &pb.Completed{}}
	for _, step := range []struct {
		what *pb.SubscribeResponse
		want *pb.Place
	}{
		{sent(&pb.Header{Session: &pb.Session{Id: "id"}, Cursor: cursor(3), Place: first, Moment: 9}), first},
		{sent(&pb.Snapshot{SessionId: "id", AsOfSeq: 1}), &pb.Place{Seq: 3}}, // a screen behind the start does not bring back what was not asked for
		{sent(&pb.CaughtUp{Cursor: cursor(4)}), &pb.Place{Seq: 4, CaughtUp: true}},
		{sent(&pb.Gap{SessionId: "id", FirstSeq: 5, LastSeq: 9, SnapshotDue: true}), &pb.Place{Seq: 9, CaughtUp: true, SnapshotDue: true}},
		{sent(nil, &pb.Event{SessionId: "id", Seq: 10}), &pb.Place{Seq: 10, CaughtUp: true}}, // of a kind that is not known
		{sent(&pb.Gap{SessionId: "id", FirstSeq: 11, LastSeq: 12, Kinds: []pb.EventKind{20}}), &pb.Place{Seq: 12, CaughtUp: true}},
		{sent(nil, &pb.Event{SessionId: "id", Seq: 13, Payload: completed}), &pb.Place{Seq: 13, CaughtUp: true, Completed: true}},
		{sent(nil), &pb.Place{Seq: 13, CaughtUp: true, Completed: true}}, // a sign that is not known
	} {
		step.want.Epoch, step.want.AskedAs = 7, "name"
		p.receive(step.what)
		for p.show() != nil {
		}
		if got := p.asked.Resume.Places["id"]; !proto.Equal(got, step.want) {
			t.Errorf("%v after %v", got, step.what)
		}
	}
	if p.asked.Resume.Moment != 9 || !proto.Equal(p.cursors()[0], cursor(13)) || !p.asked.Snapshot {
		t.Error(p.asked)
	}
}

func TestAHeartbeatMovesThePlaceAndIsShownToWhoAskedForIt(t *testing.T) {
	beat := sent(&pb.Heartbeat{Positions: []*pb.Position{{Cursor: cursor(4)}}, Moment: 5})
	filter := &pb.Filter{Kinds: []pb.EventKind{pb.EventKind_EVENT_KIND_COMPLETED}}
	for _, try := range []struct {
		request *pb.SubscribeRequest
		asks    bool
	}{
		{&pb.SubscribeRequest{Sessions: []string{"name"}}, false},
		{&pb.SubscribeRequest{Sessions: []string{"name"}, Filter: filter}, true},
		{&pb.SubscribeRequest{Sessions: []string{"*"}}, true},
		{&pb.SubscribeRequest{Sessions: []string{"name"}, HeartbeatInterval: durationpb.New(time.Second)}, true},
	} {
		p := newProgress(try.request)
		p.asked.Resume.Places["id"] = &pb.Place{Epoch: 7}
		p.receive(beat)
		shown := p.show() != nil
		if shown != (try.request.HeartbeatInterval != nil) || p.asked.Resume.Places["id"].Seq != 4 || p.asked.Resume.Moment != 5 {
			t.Error(shown, p.asked)
		} else if (p.asked.HeartbeatInterval != nil) != try.asks {
			t.Error("only a heartbeat tells how far a stream is that shows nothing", p.asked)
		}
	}
}

func TestTheCallersCursorStandsUntilTheHeader(t *testing.T) {
	start := &pb.SubscribeRequest_After{After: &pb.Cursors{Cursors: []*pb.Cursor{cursor(1)}}}
	p := newProgress(&pb.SubscribeRequest{Sessions: []string{"name"}, Start: start})
	if got := p.cursors(); len(got) != 1 || got[0].Seq != 1 {
		t.Error(got)
	}
	p.receive(sent(&pb.Header{Session: &pb.Session{Id: "id"}, Place: &pb.Place{Epoch: 7, Seq: 2}}))
	p.show()
	if got := p.cursors(); len(got) != 1 || got[0].Seq != 2 {
		t.Error(got)
	}
}
