// Command tail prints what a session prints, from its beginning, until it ends: tail NAME.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"sightline.dev/go/sightline"
	pb "sightline.dev/go/sightlinev1"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tail NAME")
		os.Exit(2)
	}
	if err := tail(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "tail:", err)
		os.Exit(1)
	}
}

func tail(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, err := sightline.Dial("", sightline.Options{})
	if err != nil {
		return err
	}
	defer client.Close()
	for item, err := range client.Subscribe(ctx, &pb.SubscribeRequest{Sessions: []string{name}}).All() {
		if ctx.Err() != nil {
			return nil // Ctrl-C
		} else if err != nil {
			return err
		}
		switch item := item.(type) {
		case *pb.Event:
			os.Stdout.Write(item.GetOutput().GetData())
		case *pb.Gap:
			fmt.Fprintf(os.Stderr, "tail: events %d to %d are gone: %v\n", item.FirstSeq, item.LastSeq, item.Reason)
		}
	}
	return nil
}
