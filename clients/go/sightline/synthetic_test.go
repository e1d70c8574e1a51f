package sightline

import (
	"slices"

	pb "sightline.dev/go/sightlinev1"
)

const epoch = 7

// log is one session whose events all exist, and become visible bit by bit; the last is `completed`.
type log struct {
	id, name             string
	length, head, oldest uint64
	kind                 pb.SessionKind
}

func (l *log) event(seq uint64) *pb.Event {
	if seq == l.length {
		return &pb.Event{SessionId: l.id, Seq: seq, Payload: &pb.Event_Completed{Completed: &pb.Completed{}}}
	}
	return &pb.Event{SessionId: l.id, Seq: seq, Payload: &pb.Event_Output{Output: &pb.Output{Data: []byte{byte(seq)}}}}
}

func (l *log) cursor(seq uint64) *pb.Cursor {
	return &pb.Cursor{SessionId: l.id, Epoch: epoch, Seq: seq}
}

func (l *log) header(seq uint64) *pb.SubscribeResponse {
	session := &pb.Session{Id: l.id, Name: l.name, Epoch: epoch, HeadSeq: l.head, Kind: l.kind}
	return &pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Header{Header: &pb.Header{Session: session, Cursor: l.cursor(seq)}}}
}

// service is Subscribe as the contract has it. The world goes on, by two events a session, whenever a stream has nothing left to send, and
// between streams.
type service struct {
	logs  []*log
	batch uint64
	seen  []*pb.SubscribeRequest
}

func (s *service) grow() (grew bool) {
	for _, l := range s.logs {
		if l.head < l.length {
			l.head, grew = min(l.length, l.head+2), true
		}
	}
	return grew
}

func (s *service) start(request *pb.SubscribeRequest, l *log) uint64 {
	switch start := request.Start.(type) {
	case *pb.SubscribeRequest_After:
		for _, cursor := range start.After.Cursors {
			if cursor.SessionId != l.id {
				continue
			}
			if cursor.Epoch != epoch || cursor.Seq > l.head {
				panic("a cursor that no stream has given")
			}
			return cursor.Seq
		}
	case *pb.SubscribeRequest_Latest:
		return l.head
	case *pb.SubscribeRequest_Tail:
		return max(l.oldest-1, l.head-min(l.head, uint64(start.Tail)))
	}
	return l.oldest - 1
}

// stream gives what is sent, until give returns false: the stream broke.
func (s *service) stream(request *pb.SubscribeRequest, give func(*pb.SubscribeResponse) bool) {
	if len(s.seen) > 0 {
		s.grow()
	}
	s.seen = append(s.seen, request)
	places, targets := map[*log]uint64{}, map[*log]uint64{}
	everything := slices.Contains(request.Sessions, "*")
	for _, l := range s.logs {
		if everything || slices.Contains(request.Sessions, l.id) || slices.Contains(request.Sessions, l.name) {
			places[l], targets[l] = s.start(request, l), l.head
			if !give(l.header(places[l])) {
				return
			}
		}
	}
	for {
		done := true
		for _, l := range s.logs {
			if _, followed := places[l]; followed && !s.advance(request, l, places, targets, give) {
				return
			} else if followed && places[l] < l.length {
				done = false
			}
		}
		if request.UntilCaughtUp && len(targets) == 0 {
			give(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_End{End: &pb.End{Reason: pb.EndReason_END_REASON_CAUGHT_UP}}})
			return
		} else if done && !everything {
			give(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_End{End: &pb.End{Reason: pb.EndReason_END_REASON_ALL_ENDED}}})
			return
		}
		if request.HeartbeatInterval != nil {
			beat := &pb.Heartbeat{}
			for l, seq := range places {
				beat.Positions = append(beat.Positions, &pb.Position{Cursor: l.cursor(seq)})
			}
			if !give(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Heartbeat{Heartbeat: beat}}) {
				return
			}
		}
		if !s.grow() {
			return
		}
	}
}

func (s *service) advance(request *pb.SubscribeRequest, l *log, places, targets map[*log]uint64, give func(*pb.SubscribeResponse) bool) bool {
	if places[l] < l.oldest-1 {
		gap := &pb.Gap{SessionId: l.id, FirstSeq: places[l] + 1, LastSeq: l.oldest - 1, Reason: pb.GapReason_GAP_REASON_RETENTION}
		places[l] = gap.LastSeq
		if !give(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Gap{Gap: gap}}) {
			return false
		}
	}
	for places[l] < l.head {
		response := &pb.SubscribeResponse{}
		for range min(s.batch, l.head-places[l]) {
			places[l]++
			if event := l.event(places[l]); request.Filter == nil || event.GetCompleted() != nil {
				response.Events = append(response.Events, event)
			}
		}
		if len(response.Events) > 0 && !give(response) {
			return false
		}
	}
	if target, ok := targets[l]; ok && places[l] >= target {
		delete(targets, l)
		return give(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_CaughtUp{CaughtUp: &pb.CaughtUp{Cursor: l.cursor(places[l])}}})
	}
	return true
}
