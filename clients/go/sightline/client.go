// Package sightline is the Go client of Sightline: the contract's calls (package sightlinev1), and subscriptions that resume by themselves.
package sightline

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	pb "sightline.dev/go/sightlinev1"
)

// Client is one server, for any number of goroutines. Its calls return an *Error. Close ends what is under way.
type Client struct {
	pb.SessionServiceClient
	*grpc.ClientConn
	authorization []string    // what each call carries
	reached       atomic.Bool // the server has answered
}

// Options of Dial. What is empty comes from the environment.
type Options struct {
	Token string // for TCP; empty: what is in the file SIGHTLINE_TOKEN_FILE, else in `token` in the home, if it can be read
	CA    string // turns TLS on: a PEM file of the authority of the server's certificate; empty: SIGHTLINE_TLS_CA, else the system's
}

// Dial makes a client of the server at unix:PATH, host:port, or https://host:port for TLS; empty: at SIGHTLINE_TARGET, else at the socket in
// the home (SIGHTLINE_HOME, else ~/.local/state/sightline). It connects when it is used. Another machine without TLS is refused.
func Dial(target string, options Options) (*Client, error) {
	state := cmp.Or(os.Getenv("XDG_STATE_HOME"), filepath.Join(os.Getenv("HOME"), ".local/state"))
	home := cmp.Or(os.Getenv("SIGHTLINE_HOME"), filepath.Join(state, "sightline"))
	target = cmp.Or(target, os.Getenv("SIGHTLINE_TARGET"), "unix:"+filepath.Join(home, "sightline.sock"))
	if path, ok := strings.CutPrefix(target, "unix:"); ok { // whose file mode says who may enter
		return dial("unix", strings.TrimPrefix(path, "//"), "localhost", "", insecure.NewCredentials(), true)
	}
	address, secure := strings.CutPrefix(strings.TrimRight(target, "/"), "https://")
	host, _, err := net.SplitHostPort(address)
	local, wire, ca := host == "localhost" || net.ParseIP(host).IsLoopback(), insecure.NewCredentials(), cmp.Or(options.CA, os.Getenv("SIGHTLINE_TLS_CA"))
	switch {
	case err != nil || host == "":
		err = fmt.Errorf("%q is no target: give unix:PATH, host:port, or https://host:port for TLS", target)
	case ca != "":
		wire, err = credentials.NewClientTLSFromFile(ca, "")
	case secure:
		wire = credentials.NewTLS(nil)
	case !local:
		err = fmt.Errorf("%q is another machine, and the token could be read on the way: give https://host:port, or use ssh -L", target)
	}
	named, token := os.Getenv("SIGHTLINE_TOKEN_FILE"), []byte(options.Token)
	if len(token) == 0 && err == nil {
		if token, err = os.ReadFile(cmp.Or(named, filepath.Join(home, "token"))); named == "" {
			err = nil // the server says UNAUTHENTICATED, and what to do
		}
	}
	if err != nil {
		return nil, err
	}
	return dial("tcp", address, address, strings.TrimSpace(string(token)), wire, local)
}

func dial(network, address, name, token string, wire credentials.TransportCredentials, local bool) (*Client, error) {
	c := &Client{}
	if token != "" {
		c.authorization = []string{"authorization", "Bearer " + token}
	}
	step := backoff.Config{BaseDelay: firstPause, Multiplier: 2, Jitter: jitter, MaxDelay: maxPause}
	if local {
		step.MaxDelay = firstPause // to knock costs nothing there
	}
	called := func(ctx context.Context, name string, asked, answer any, conn *grpc.ClientConn, call grpc.UnaryInvoker, more ...grpc.CallOption) error {
		return c.judge(call(c.authorized(ctx), name, asked, answer, conn, more...))
	}
	connect := func(ctx context.Context, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	conn, err := grpc.NewClient("passthrough:///"+name, grpc.WithTransportCredentials(wire), grpc.WithContextDialer(connect),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: step, MinConnectTimeout: 5 * time.Second}), // how long a try may take
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)), grpc.WithUnaryInterceptor(called)) // the contract's largest: 2 MiB
	c.SessionServiceClient, c.ClientConn = pb.NewSessionServiceClient(conn), conn
	return c, err
}

func (c *Client) authorized(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, c.authorization...)
}

// Error is what the server, or the way to it, has to say; errors.As finds it.
type Error struct {
	Code     codes.Code
	Reason   string            // a stable word for programs, such as SESSION_NOT_FOUND; empty: none was given
	Message  string            // what happened, what it means and what to do, for people
	Metadata map[string]string // the variables of the message, such as session
}

func (e *Error) Error() string              { return e.Message }
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) } // for status.Code and the like

// broken is true when connection or server went away, so that the same may work at the server's next life.
func (e *Error) broken() bool {
	reset := e.Code == codes.Internal && (e.Message == "unexpected EOF" || strings.HasPrefix(e.Message, "stream terminated by RST_STREAM"))
	return (reset || e.Code == codes.Unavailable || e.Code == codes.Canceled) && (e.Reason == "" || e.Reason == "DRAINING")
}

func (c *Client) judge(err error) error {
	if err == nil {
		c.reached.Store(true)
		return nil
	}
	said := status.Convert(err)
	e := &Error{Code: said.Code(), Message: said.Message()}
	for _, detail := range said.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			e.Reason, e.Metadata = info.Reason, info.Metadata
		}
	}
	if c.GetState() == connectivity.Shutdown {
		e.Reason, e.Message = "CLIENT_CLOSED", "the client is closed: dial another one"
	} else if e.Code == codes.Unavailable && e.Reason == "" && !c.reached.Load() {
		e.Reason, e.Message = "SERVER_NOT_FOUND", "no Sightline server answers: start one with `sightline serve`, or set SIGHTLINE_TARGET: "+e.Message
	}
	return e
}
