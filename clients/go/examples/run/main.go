// Command run runs a command as a session, and follows it: run -- CMD…. Its output is the command's, and so is its exit code; Ctrl-C
// interrupts the command. The command goes on when this program is killed.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"sightline.dev/go/sightline"
	pb "sightline.dev/go/sightlinev1"
)

func main() {
	argv := os.Args[1:]
	if len(argv) > 0 && argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		fmt.Fprintln(os.Stderr, "usage: run -- CMD...")
		os.Exit(2)
	}
	code, err := run(context.Background(), argv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, argv []string) (int, error) {
	client, err := sightline.Dial("", sightline.Options{})
	if err != nil {
		return 2, err
	}
	defer client.Close()
	request, err := create(argv)
	if err != nil {
		return 2, err
	}
	created, err := client.Create(ctx, request)
	if err != nil {
		return 2, err
	}
	id := created.Session.Id

	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	go func() {
		for range interrupts {
			client.Interrupt(ctx, &pb.InterruptRequest{Session: id}) // an error: it has ended, and that is what was wanted
		}
	}()

	code := 2
	for item, err := range client.Subscribe(ctx, &pb.SubscribeRequest{Sessions: []string{id}}).All() {
		if err != nil {
			return 2, err
		}
		event, _ := item.(*pb.Event)
		if output := event.GetOutput(); output != nil {
			to := os.Stdout
			if output.Channel == pb.Channel_CHANNEL_STDERR {
				to = os.Stderr
			}
			to.Write(output.Data)
		}
		if completed := event.GetCompleted(); completed != nil {
			code = exitCode(completed)
		}
	}
	return code, nil
}

// create asks for a command that runs as it would here: same directory, same environment, its output in pipes.
func create(argv []string) (*pb.CreateRequest, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return &pb.CreateRequest{
		RequestId: rand.Text(), // a retry gets the same session
		Cwd:       here,
		Env:       env,
		ClearEnv:  true,
		Origin:    &pb.CreateRequest_Command{Command: &pb.Command{Argv: argv, Stdin: pb.Command_STDIN_NULL}},
	}, nil
}

func exitCode(completed *pb.Completed) int {
	switch {
	case completed.ExitCode != nil:
		return int(*completed.ExitCode)
	case completed.Signal != 0:
		return 128 + int(completed.Signal) // as a shell says it
	}
	return 1
}
