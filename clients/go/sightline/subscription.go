package sightline

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	pb "sightline.dev/go/sightlinev1"
)

// Item is a *Event, or a sign of the stream itself: *Header, *Snapshot, *CaughtUp, *Gap or *Heartbeat, all of sightlinev1.
type Item = proto.Message

const (
	firstPause = 100 * time.Millisecond // before the first try to resume; each further one is twice as long, up to
	maxPause   = time.Second
	jitter     = 0.2 // of a pause, so that a thousand clients do not come back at once
)

// Subscription gives each item once, in order, and resumes by itself where it was when the stream breaks. It is one goroutine's, but Close.
type Subscription struct {
	OnLost   func(error)  // called once an outage; to be set before the first Recv
	End      pb.EndReason // why the stream is over; UNSPECIFIED while it is not
	client   *Client
	progress *progress
	ctx      context.Context
	cancel   context.CancelFunc
	stream   grpc.ServerStreamingClient[pb.SubscribeResponse]
	down     bool
	pause    time.Duration
	err      error
}

// Subscribe follows sessions until the server says that they are over, ctx is done, or Close. The server is asked at the first Recv.
func (c *Client) Subscribe(ctx context.Context, request *pb.SubscribeRequest) *Subscription {
	s := &Subscription{client: c, progress: newProgress(request), pause: firstPause}
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// All gives the items up to the end; an error is the last pair. It closes the subscription, also when the loop is left.
func (s *Subscription) All() iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		defer s.Close()
		for s.err == nil {
			if item, err := s.Recv(); err == io.EOF || !yield(item, err) {
				return
			}
		}
	}
}

// Recv waits for the next item. Its error is io.EOF after the End, the context's, or an *Error.
func (s *Subscription) Recv() (Item, error) {
	for s.err == nil {
		if item := s.progress.show(); item != nil {
			return item, nil
		}
		s.err = s.mend(s.read())
	}
	s.cancel()
	return nil, s.err
}

// Close lets go of the server at once: a Recv under way returns context.Canceled. Any goroutine may call it, and again.
func (s *Subscription) Close() { s.cancel() }

// Cursors says where to go on after what Recv gave: for SubscribeRequest_After, in another process, say.
func (s *Subscription) Cursors() []*pb.Cursor { return s.progress.cursors() }

// read takes the next response, from a new stream if there is none; io.EOF: the server said that it is over.
func (s *Subscription) read() (err error) {
	if s.stream == nil {
		s.stream, err = s.client.SessionServiceClient.Subscribe(s.client.authorized(s.ctx), s.progress.asked, grpc.WaitForReady(s.down))
		if err = s.client.judge(err); err != nil {
			return err
		}
	}
	response, err := s.stream.Recv()
	if err == io.EOF {
		err = status.Error(codes.Unavailable, "the stream broke off without its end")
	}
	if end := response.GetEnd(); err != nil {
		return s.client.judge(err)
	} else if end == nil {
		s.down, s.pause = false, firstPause
		s.progress.receive(response)
	} else if end.Reason != pb.EndReason_END_REASON_DRAINING { // with which the server closes the stream: a break like any other
		s.End = end.Reason
		return io.EOF
	}
	return nil
}

// mend returns nil when it is time to go on, after a pause where the stream broke; else what trying again does not mend.
func (s *Subscription) mend(err error) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	} else if s.stream = nil; s.ctx.Err() != nil {
		return s.ctx.Err()
	} else if !e.broken() {
		return err
	}
	if !s.down && s.OnLost != nil {
		s.OnLost(err)
	}
	wait, cancel := context.WithTimeout(s.ctx, time.Duration(float64(s.pause)*(1-jitter+2*jitter*rand.Float64())))
	defer cancel()
	<-wait.Done()
	s.down, s.pause = true, min(s.pause*2, maxPause)
	return s.ctx.Err()
}
