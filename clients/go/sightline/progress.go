package sightline

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	pb "sightline.dev/go/sightlinev1"
)

// progress is how far a subscription is: no I/O, no clock. receive takes what the server sent; show gives it on, and takes it into the places of
// asked.Resume, which is all that the server needs to go on after a break. Together: each event is shown once, whatever breaks, wherever.
type progress struct {
	asked           *pb.SubscribeRequest
	showsHeartbeats bool
	items           []Item
}

func newProgress(given *pb.SubscribeRequest) *progress {
	p := &progress{asked: proto.CloneOf(given), showsHeartbeats: given.HeartbeatInterval != nil}
	if !p.showsHeartbeats && (given.Filter != nil || slices.Contains(given.Sessions, "*")) { // only they move the place over what is hidden
		p.asked.HeartbeatInterval = durationpb.New(15 * time.Second)
	}
	p.asked.Resume = cmp.Or(p.asked.Resume, &pb.Resume{})
	if p.asked.Resume.Places == nil {
		p.asked.Resume.Places = map[string]*pb.Place{}
	}
	return p
}

func (p *progress) cursors() (all []*pb.Cursor) {
	for _, given := range p.asked.GetAfter().GetCursors() {
		if p.asked.Resume.Places[given.SessionId] == nil { // its header has not come
			all = append(all, proto.CloneOf(given))
		}
	}
	for id, place := range p.asked.Resume.Places {
		all = append(all, &pb.Cursor{SessionId: id, Epoch: place.Epoch, Seq: place.Seq})
	}
	return all
}

func (p *progress) receive(response *pb.SubscribeResponse) {
	for _, event := range response.Events {
		p.items = append(p.items, event)
	}
	message := response.ProtoReflect()
	if sign := message.WhichOneof(message.Descriptor().Oneofs().ByName("sign")); sign != nil {
		p.items = append(p.items, message.Get(sign).Message().Interface())
	}
}

// show gives the next item; nil: there is none.
func (p *progress) show() Item {
	for len(p.items) > 0 {
		item := p.items[0]
		p.items = p.items[1:]
		p.take(item)
		if _, hidden := item.(*pb.Heartbeat); !hidden || p.showsHeartbeats {
			return item
		}
	}
	return nil
}

func (p *progress) take(item Item) {
	resume := p.asked.Resume
	switch item := item.(type) {
	case *pb.Event:
		place := p.move(item.SessionId, item.Seq)
		place.SnapshotDue, place.Completed = false, place.Completed || item.GetCompleted() != nil
	case *pb.Header:
		resume.Moment = cmp.Or(resume.Moment, item.Moment)
		resume.Places[item.Session.GetId()] = proto.CloneOf(cmp.Or(item.Place, &pb.Place{}))
	case *pb.Snapshot:
		p.move(item.SessionId, item.AsOfSeq).SnapshotDue = false
	case *pb.Gap: // also one of some kinds: nothing of its range follows
		p.move(item.SessionId, item.LastSeq).SnapshotDue = item.SnapshotDue
	case *pb.CaughtUp:
		p.move(item.Cursor.GetSessionId(), item.Cursor.GetSeq()).CaughtUp = true
	case *pb.Heartbeat:
		resume.Moment = cmp.Or(resume.Moment, item.Moment)
		for _, position := range item.Positions {
			p.move(position.Cursor.GetSessionId(), position.Cursor.GetSeq())
		}
	}
}

func (p *progress) move(id string, seq uint64) *pb.Place {
	place := cmp.Or(p.asked.Resume.Places[id], &pb.Place{}) // without a header there is none, and nothing is kept
	place.Seq = max(place.Seq, seq)
	return place
}
