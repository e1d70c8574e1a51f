package sightline

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	pb "sightline.dev/go/sightlinev1"
)

const patience = 20 * time.Second // for anything that should take a moment, on a machine that is busy

// door is a gRPC server on a Unix socket whose streams do what a real server's rarely do.
type door struct {
	pb.UnimplementedSessionServiceServer
	subscribe func(*pb.SubscribeRequest, grpc.ServerStreamingServer[pb.SubscribeResponse]) error
}

func (d *door) Subscribe(request *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
	return d.subscribe(request, stream)
}

func listen(t *testing.T, network, address string, d *door) (stop func()) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterSessionServiceServer(server, d)
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(listener) })
	return func() { server.Stop(); serving.Wait() }
}

// socket is a path short enough for a socket.
func socket(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "slgo")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return filepath.Join(folder, "s")
}

func dialed(t *testing.T, target string, options Options) *Client {
	t.Helper()
	client, err := Dial(target, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// bounded is the context of what should take a moment.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func refusal(code codes.Code, reason string) error {
	said, _ := status.New(code, "told so").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "sightline", Metadata: map[string]string{"session": "id0"}})
	return said.Err()
}

// tell sends what the contract says of one session with so many events, one by one; after so many messages it breaks off.
func tell(request *pb.SubscribeRequest, length uint64, messages int, send func(*pb.SubscribeResponse) error, broken error) error {
	place := request.Resume.Places["id"]
	if place == nil {
		place = &pb.Place{Epoch: 7, AskedAs: "name"}
		send(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_Header{Header: &pb.Header{Session: &pb.Session{Id: "id"}, Place: place}}})
		messages--
	}
	for seq := place.Seq + 1; seq <= length; seq++ {
		if messages--; messages < 0 {
			return broken
		}
		send(&pb.SubscribeResponse{Events: []*pb.Event{{SessionId: "id", Seq: seq}}})
	}
	return send(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_End{End: &pb.End{Reason: pb.EndReason_END_REASON_ALL_ENDED}}})
}

func TestAStreamThatBreaksInAnyWayIsResumedAndEachEventComesOnce(t *testing.T) {
	ways := []error{status.Error(codes.Unavailable, "gone"), refusal(codes.Unavailable, "DRAINING"), status.Error(codes.Canceled, "given up"), nil}
	path, life := socket(t), 0
	defer listen(t, "unix", path, &door{subscribe: func(request *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		life++
		return tell(request, 12, 3, stream.Send, ways[life%len(ways)])
	}})()
	subscription := dialed(t, "unix:"+path, Options{}).Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"name"}})
	outages := 0
	subscription.OnLost = func(error) { outages++ }
	var shown []uint64
	for item, err := range subscription.All() {
		if err != nil {
			t.Fatal(err)
		}
		if event, ok := item.(*pb.Event); ok {
			shown = append(shown, event.Seq)
		}
	}
	if !slices.Equal(shown, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}) {
		t.Error(shown)
	}
	if subscription.End != pb.EndReason_END_REASON_ALL_ENDED || outages < len(ways) {
		t.Errorf("%v after %d outages", subscription.End, outages)
	}
}

func TestASubscriptionGoesOnAtTheServersNextLife(t *testing.T) {
	path := socket(t)
	waits := func(request *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		tell(request, 4, 3, stream.Send, nil)
		<-stream.Context().Done()
		return nil
	}
	stop := listen(t, "unix", path, &door{subscribe: waits})
	subscription := dialed(t, "unix:"+path, Options{}).Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"name"}})
	for range 3 {
		if _, err := subscription.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	lost := make(chan error, 1)
	subscription.OnLost = func(err error) { lost <- err }
	var back sync.WaitGroup
	back.Go(func() {
		stop()
		<-lost
		stop = listen(t, "unix", path, &door{subscribe: func(request *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
			return tell(request, 4, 9, stream.Send, nil)
		}})
	})
	for _, want := range []uint64{3, 4} {
		item, err := subscription.Recv()
		if event, ok := item.(*pb.Event); !ok || event.Seq != want {
			t.Fatalf("%v, %v came where event %d should", item, err, want)
		}
	}
	back.Wait()
	stop()
}

func TestOtherErrorsEndItWithTheServicesWords(t *testing.T) {
	path := socket(t)
	defer listen(t, "unix", path, &door{subscribe: func(*pb.SubscribeRequest, grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		return refusal(codes.NotFound, "SESSION_NOT_FOUND")
	}})()
	subscription := dialed(t, "unix:"+path, Options{}).Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"id0"}})
	_, err := subscription.Recv()
	var said *Error
	if !errors.As(err, &said) || said.Code != codes.NotFound || said.Reason != "SESSION_NOT_FOUND" || said.Metadata["session"] != "id0" {
		t.Errorf("%#v", err)
	}
	if _, again := subscription.Recv(); again != err || status.Code(err) != codes.NotFound {
		t.Error("it says the same when it is asked again, to those who know gRPC's errors too")
	}
}

func TestAServerThatWasNeverReachedEndsIt(t *testing.T) {
	client := dialed(t, "unix:"+socket(t), Options{})
	_, err := client.Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"*"}}).Recv()
	var said *Error
	if !errors.As(err, &said) || said.Reason != "SERVER_NOT_FOUND" {
		t.Errorf("%#v", err)
	}
}

func TestToLeaveItInAnyWayLetsGoOfTheServerAndLeavesNoGoroutine(t *testing.T) {
	path := socket(t)
	streams, gone := make(chan struct{}), make(chan struct{})
	before := runtime.NumGoroutine()
	stop := listen(t, "unix", path, &door{subscribe: func(request *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		tell(request, 1, 1, stream.Send, nil)
		streams <- struct{}{}
		<-stream.Context().Done()
		gone <- struct{}{}
		return nil
	}})
	client, err := Dial("unix:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ways := map[string]func(s *Subscription, cancel context.CancelFunc){
		"the context is cancelled": func(s *Subscription, cancel context.CancelFunc) { s.Recv(); cancel() },
		"it is closed":             func(s *Subscription, _ context.CancelFunc) { s.Recv(); s.Close(); s.Close() },
		"the loop is left": func(s *Subscription, _ context.CancelFunc) {
			for range s.All() {
				break
			}
		},
	}
	for way, leave := range ways {
		ctx, cancel := context.WithCancel(context.Background())
		subscription := client.Subscribe(ctx, &pb.SubscribeRequest{Sessions: []string{"name"}})
		go leave(subscription, cancel)
		<-streams
		select {
		case <-gone:
		case <-time.After(patience):
			t.Fatalf("the server still has the stream after %s", way)
		}
		if _, err := subscription.Recv(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v after %s", err, way)
		}
		cancel()
	}
	client.Close()
	stop()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines were left\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestASubscriptionOfAClosedClientEnds(t *testing.T) {
	path := socket(t)
	stop := listen(t, "unix", path, &door{subscribe: func(_ *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		<-stream.Context().Done()
		return nil
	}})
	defer stop()
	client := dialed(t, "unix:"+path, Options{})
	subscription := client.Subscribe(context.Background(), &pb.SubscribeRequest{Sessions: []string{"name"}})
	time.AfterFunc(10*time.Millisecond, func() { client.Close() })
	_, err := subscription.Recv()
	var said *Error
	if !errors.As(err, &said) || said.Reason != "CLIENT_CLOSED" {
		t.Fatalf("%v", err)
	}
}

func TestADeadlineEndsAPauseToo(t *testing.T) {
	path := socket(t)
	defer listen(t, "unix", path, &door{subscribe: func(*pb.SubscribeRequest, grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		return nil
	}})()
	ctx, cancel := context.WithTimeout(bounded(t), 300*time.Millisecond)
	defer cancel()
	_, err := dialed(t, "unix:"+path, Options{}).Subscribe(ctx, &pb.SubscribeRequest{Sessions: []string{"name"}}).Recv()
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestTheTokenIsShownOnTCPAndNeverOnASocket(t *testing.T) {
	home := t.TempDir()
	t.Setenv("SIGHTLINE_HOME", home)
	if err := os.WriteFile(filepath.Join(home, "token"), []byte("from home\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shown := make(chan []string, 1)
	d := &door{subscribe: func(_ *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		carried, _ := metadata.FromIncomingContext(stream.Context())
		shown <- carried["authorization"]
		return refusal(codes.Unauthenticated, "BAD_TOKEN")
	}}
	path, tcp := socket(t), "127.0.0.1:0"
	defer listen(t, "unix", path, d)()
	listener, err := net.Listen("tcp", tcp)
	if err != nil {
		t.Fatal(err)
	}
	tcp = listener.Addr().String()
	listener.Close()
	defer listen(t, "tcp", tcp, d)()
	named := filepath.Join(home, "another")
	if err := os.WriteFile(named, []byte("named"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct{ target, token, file, want string }{
		{"unix:" + path, "given", "", ""},
		{tcp, "given", named, "Bearer given"},
		{tcp, "", "", "Bearer from home"},
		{tcp, "", named, "Bearer named"},
	} {
		t.Setenv("SIGHTLINE_TOKEN_FILE", try.file)
		dialed(t, try.target, Options{Token: try.token}).Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"*"}}).Recv()
		got := ""
		if all := <-shown; len(all) > 0 {
			got = all[0]
		}
		if got != try.want {
			t.Errorf("%q was shown to %s, not %q", got, try.target, try.want)
		}
	}
}

func TestDialRefusesWhereTheTokenCouldBeReadOnTheWayAndWhatIsNoTarget(t *testing.T) {
	t.Setenv("SIGHTLINE_HOME", t.TempDir())
	for _, target := range []string{"example.org:7411", "192.0.2.1:7411", "nonsense", ":7411", "https://nonsense"} {
		if client, err := Dial(target, Options{}); err == nil {
			client.Close()
			t.Errorf("%s is taken", target)
		}
	}
	for _, target := range []string{"", "unix:/x/y", "localhost:7411", "127.0.0.1:7411", "[::1]:7411", "https://example.org:7411"} {
		dialed(t, target, Options{})
	}
	t.Setenv("SIGHTLINE_TOKEN_FILE", "/nowhere")
	if _, err := Dial("localhost:7411", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a token file that is not there: %v", err)
	}
}

func TestAllGivesNoPairForTheEnd(t *testing.T) {
	path := socket(t)
	defer listen(t, "unix", path, &door{subscribe: func(_ *pb.SubscribeRequest, stream grpc.ServerStreamingServer[pb.SubscribeResponse]) error {
		return stream.Send(&pb.SubscribeResponse{Sign: &pb.SubscribeResponse_End{End: &pb.End{Reason: pb.EndReason_END_REASON_TOO_SLOW}}})
	}})()
	subscription := dialed(t, "unix:"+path, Options{}).Subscribe(bounded(t), &pb.SubscribeRequest{Sessions: []string{"name"}})
	for item, err := range subscription.All() {
		t.Error(item, err)
	}
	if _, err := subscription.Recv(); err != io.EOF || subscription.End != pb.EndReason_END_REASON_TOO_SLOW {
		t.Error(err, subscription.End)
	}
}
