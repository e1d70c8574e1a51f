package sightline

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	pb "sightline.dev/go/sightlinev1"
)

var screens = []pb.SessionKind{pb.SessionKind_SESSION_KIND_TERMINAL, pb.SessionKind_SESSION_KIND_TMUX, pb.SessionKind_SESSION_KIND_SCREEN}

// progress is how far a subscription is, and what to ask after a break: no I/O, no clock. receive takes what the server sent; show gives on
// what is to be shown, and moves the cursors over it; request comes when nothing is left to show. Together: each event is shown once,
// whatever breaks, wherever.
type progress struct {
	given, asked *pb.SubscribeRequest // by the caller; of the server
	opening      bool                 // the start is a moment, which the headers fix, and they are not complete: nothing is shown yet
	items        []Item
	places       map[string]*place // by the id of the session
}

// place is how far one session is; a screen that is owed was promised and has not come.
type place struct {
	cursor                         *pb.Cursor
	headed, caughtUp, screen, owed bool
}

func (p *progress) all() bool { return slices.Contains(p.given.Sessions, "*") }

// request is what to ask the server now; nil: nothing is left to come.
func (p *progress) request() *pb.SubscribeRequest {
	if p.asked == nil || p.opening || p.given.Start == nil && len(p.places) == 0 { // as at first
		_, after := p.given.Start.(*pb.SubscribeRequest_After)
		p.opening = p.given.Snapshot || p.given.Start != nil && !after
		p.asked, p.items, p.places = proto.CloneOf(p.given), nil, map[string]*place{}
		if p.given.HeartbeatInterval == nil && (p.all() || p.given.Filter != nil) { // only they move the position over what is hidden
			p.asked.HeartbeatInterval = durationpb.New(15 * time.Second)
		}
		for _, cursor := range p.given.GetAfter().GetCursors() {
			p.move(cursor)
		}
		return p.asked
	} else if len(p.asked.Sessions) == 0 {
		return nil
	}
	p.asked.Snapshot, p.asked.Start = false, &pb.SubscribeRequest_After{After: &pb.Cursors{Cursors: p.cursors()}}
	return p.asked
}

func (p *progress) cursors() (all []*pb.Cursor) {
	for _, here := range p.places {
		all = append(all, proto.CloneOf(here.cursor))
	}
	return all
}

// move gives a session's place, at the cursor or behind it; the epoch counts where the session is new.
func (p *progress) move(to *pb.Cursor) *place {
	here := p.places[to.GetSessionId()]
	if here == nil {
		here = &place{cursor: proto.CloneOf(to)}
		p.places[to.GetSessionId()] = here
	}
	here.cursor.Seq = max(here.cursor.Seq, to.GetSeq())
	return here
}

// drop leaves a session out of what is asked for after a break.
func (p *progress) drop(words ...string) {
	p.asked.Sessions = slices.DeleteFunc(p.asked.Sessions, func(name string) bool { return slices.Contains(words, name) })
}

func (p *progress) receive(response *pb.SubscribeResponse) {
	for _, event := range response.Events {
		p.items = append(p.items, event)
	}
	message := response.ProtoReflect()
	if sign := message.WhichOneof(message.Descriptor().Oneofs().ByName("sign")); sign != nil {
		p.items = append(p.items, message.Get(sign).Message().Interface())
	}
	header := response.GetHeader()
	if session := header.GetSession(); header != nil {
		here := p.places[session.GetId()]
		if here == nil { // else a caller's cursor stays: behind it may be a gap whose sign has not come
			here = p.move(header.Cursor)
		} else if here.headed {
			p.items = p.items[:len(p.items)-1] // it was shown before a break
			return
		}
		here.headed, here.screen = true, slices.Contains(screens, session.GetKind()) && session.EndTime == nil
		here.owed = here.screen && p.given.Snapshot
		if p.drop(session.Id, session.Name, session.Name+"@"+session.Host); !p.all() {
			p.asked.Sessions = append(p.asked.Sessions, session.Id) // its name may be another's by the time of a break
		}
	}
	nameless := func(name string) bool { return p.places[name] == nil || !p.places[name].headed }
	p.opening = p.opening && header != nil && slices.ContainsFunc(p.asked.Sessions, nameless)
}

// show gives the next item; nil: there is none.
func (p *progress) show() Item {
	for !p.opening && len(p.items) > 0 {
		item := p.items[0]
		p.items = p.items[1:]
		switch item := item.(type) {
		case *pb.Event:
			p.move(&pb.Cursor{SessionId: item.SessionId, Seq: item.Seq}).owed = false
			if item.GetCompleted() != nil {
				p.drop(item.SessionId)
			}
		case *pb.Snapshot:
			p.move(&pb.Cursor{SessionId: item.SessionId, Seq: item.AsOfSeq}).owed = false
		case *pb.Gap: // also one of some kinds: nothing of its range follows
			here := p.move(&pb.Cursor{SessionId: item.SessionId, Seq: item.LastSeq})
			here.owed = here.owed || here.screen && item.Reason == pb.GapReason_GAP_REASON_SLOW
		case *pb.CaughtUp:
			here := p.move(item.Cursor)
			if here.caughtUp {
				continue // it was shown before a break
			}
			if here.caughtUp = true; p.given.UntilCaughtUp {
				p.drop(item.Cursor.GetSessionId())
			}
		case *pb.Heartbeat:
			for _, position := range item.Positions {
				p.move(position.Cursor)
			}
			if p.given.HeartbeatInterval == nil {
				continue
			}
		}
		return item
	}
	return nil
}
