// Command harness puts the Go client on trial: orders in, what it saw out, one JSON object a line. See tests/conformance/clients/README.md.
package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"sightline.dev/go/sightline"
	pb "sightline.dev/go/sightlinev1"
)

const maxOrder = 16 << 20 // bytes of one line

type order struct {
	Do      string
	ID      int
	Target  string
	Token   string
	CA      string
	Method  string
	Request json.RawMessage
	Timeout float64 // seconds
	Quiet   bool
}

type line map[string]any

type harness struct {
	saying  sync.Mutex
	out     *bufio.Writer
	client  *sightline.Client
	cancels map[int]context.CancelCauseFunc
	working sync.WaitGroup
}

var errCancelled = errors.New("cancelled by an order")

func main() {
	h := &harness{out: bufio.NewWriter(os.Stdout), cancels: map[int]context.CancelCauseFunc{}}
	orders := bufio.NewScanner(os.Stdin)
	orders.Buffer(nil, maxOrder)
	for orders.Scan() {
		var told order
		if err := json.Unmarshal(orders.Bytes(), &told); err != nil {
			fmt.Fprintln(os.Stderr, "harness:", err)
			os.Exit(2)
		}
		h.take(told)
	}
	for _, cancel := range h.cancels {
		cancel(io.EOF)
	}
	h.working.Wait()
	if h.client != nil {
		h.client.Close()
	}
	if err := orders.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(2)
	}
}

func (h *harness) take(told order) {
	switch told.Do {
	case "connect":
		if h.client != nil {
			h.client.Close()
		}
		if told.Token == "" {
			os.Setenv("SIGHTLINE_TOKEN_FILE", os.DevNull) // without one, not with that of whoever runs the trial
		}
		client, err := sightline.Dial(told.Target, sightline.Options{Token: told.Token, CA: told.CA})
		if err != nil {
			fmt.Fprintln(os.Stderr, "harness:", err)
			os.Exit(2)
		}
		h.client = client
		h.say(line{"connected": true})
	case "call":
		h.begin(told, h.call)
	case "subscribe":
		h.begin(told, h.subscribe)
	case "cancel":
		h.cancels[told.ID](errCancelled)
	}
}

func (h *harness) begin(told order, work func(context.Context, *sightline.Client, order)) {
	ctx, cancel := context.WithCancelCause(context.Background())
	h.cancels[told.ID] = cancel
	client := h.client
	h.working.Go(func() {
		if told.Timeout > 0 {
			timed, stop := context.WithTimeout(ctx, time.Duration(told.Timeout*float64(time.Second)))
			defer stop()
			ctx = timed
		}
		work(ctx, client, told)
		cancel(nil)
	})
}

func (h *harness) call(ctx context.Context, client *sightline.Client, told order) {
	service := pb.File_sightline_v1_session_service_proto.Services().ByName("SessionService")
	method := service.Methods().ByName(protoreflect.Name(told.Method))
	request, response := fresh(method.Input()), fresh(method.Output())
	if err := protojson.Unmarshal(told.Request, request); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(2)
	}
	err := client.Invoke(ctx, fmt.Sprintf("/%s/%s", service.FullName(), told.Method), request, response)
	if err != nil {
		h.say(line{"id": told.ID, "error": describe(err)})
		return
	}
	h.say(line{"id": told.ID, "response": encoded(response)})
}

func (h *harness) subscribe(ctx context.Context, client *sightline.Client, told order) {
	request := &pb.SubscribeRequest{}
	if err := protojson.Unmarshal(told.Request, request); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(2)
	}
	began := time.Now()
	subscription := client.Subscribe(ctx, request)
	subscription.OnLost = func(err error) { h.say(line{"id": told.ID, "lost": err.Error()}) }
	seen := totals{hash: sha256.New()}
	for item, err := range subscription.All() {
		switch {
		case err != nil && context.Cause(ctx) == errCancelled:
			h.say(line{"id": told.ID, "cancelled": true})
			return
		case err != nil:
			h.say(line{"id": told.ID, "error": describe(err)})
			return
		case told.Quiet:
			seen.add(item)
		default:
			h.say(line{"id": told.ID, nameOf(item): encoded(item)})
		}
	}
	last := line{"id": told.ID, "end": subscription.End.String()}
	if told.Quiet {
		last["events"], last["bytes"], last["sha256"] = seen.events, seen.bytes, hex.EncodeToString(seen.hash.Sum(nil))
		last["seconds"] = time.Since(began).Seconds()
	}
	h.say(last)
}

// totals are what a quiet subscription tells of its events.
type totals struct {
	events, bytes int
	hash          hash.Hash
}

func (t *totals) add(item sightline.Item) {
	if event, ok := item.(*pb.Event); ok {
		data := event.GetOutput().GetData()
		t.events, t.bytes = t.events+1, t.bytes+len(data)
		t.hash.Write(data)
	}
}

func (h *harness) say(what line) {
	text, err := json.Marshal(what)
	if err != nil {
		panic(err)
	}
	h.saying.Lock()
	defer h.saying.Unlock()
	h.out.Write(append(text, '\n'))
	h.out.Flush()
}

func describe(err error) line {
	told := line{"code": "UNKNOWN", "reason": "", "message": err.Error(), "metadata": map[string]string{}}
	var said *sightline.Error
	switch {
	case errors.As(err, &said):
		told["code"], told["reason"] = code.Code(said.Code).String(), said.Reason
		if said.Metadata != nil {
			told["metadata"] = said.Metadata
		}
	case errors.Is(err, context.DeadlineExceeded):
		told["code"] = code.Code(codes.DeadlineExceeded).String()
	case errors.Is(err, context.Canceled):
		told["code"] = code.Code(codes.Canceled).String()
	}
	return told
}

func fresh(message protoreflect.MessageDescriptor) proto.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(message.FullName())
	if err != nil {
		panic(err)
	}
	return kind.New().Interface()
}

func encoded(message proto.Message) json.RawMessage {
	text, err := protojson.Marshal(message)
	if err != nil {
		panic(err)
	}
	return text
}

// nameOf is the item's name on the wire, such as caughtUp.
func nameOf(item sightline.Item) string {
	name := string(item.ProtoReflect().Descriptor().Name())
	return strings.ToLower(name[:1]) + name[1:]
}
