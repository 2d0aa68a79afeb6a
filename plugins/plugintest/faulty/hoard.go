package faulty

import (
	"bytes"
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
)

// How much memory a hoarder keeps per message, the size of its heartbeats, and their number.
const (
	ballast   = 1 << 20
	padding   = 32 << 10
	hoarded   = 200
	hoardBeat = 10 * time.Millisecond
)

// hoardingStream keeps every message, with much beside it, until the watcher has read it.
type hoardingStream struct {
	grpc.ServerStream
	kept chan keptMessage
}

type keptMessage struct {
	message any
	ballast []byte
}

// hoard serves a watch with many large heartbeats, so that a stream that isn't read is soon
// full.
func hoard(server any, stream grpc.ServerStream, next grpc.StreamHandler) error {
	h := hoardingStream{stream, make(chan keptMessage, hoarded)}
	ctx, cancel := context.WithCancel(stream.Context())
	var running sync.WaitGroup
	running.Go(func() { h.send(ctx) })
	running.Go(func() { h.beat(ctx) })
	err := next(server, h)
	cancel()
	running.Wait()
	return err
}

// SendMsg implements [grpc.ServerStream]. It doesn't wait for the watcher until the hoard is
// full.
func (h hoardingStream) SendMsg(message any) error {
	select {
	case h.kept <- keptMessage{message, bytes.Repeat([]byte{1}, ballast)}:
		return nil
	case <-h.Context().Done():
		return h.Context().Err()
	}
}

func (h hoardingStream) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case one := <-h.kept:
			if h.ServerStream.SendMsg(one.message) != nil {
				return
			}
		}
	}
}

func (h hoardingStream) beat(ctx context.Context) {
	const unknownField = 1999
	heartbeat := &api.Heartbeat{}
	tag := protowire.AppendTag(nil, unknownField, protowire.BytesType)
	heartbeat.ProtoReflect().SetUnknown(protowire.AppendBytes(tag, make([]byte, padding)))
	message := &api.WatchResponse{Event: &api.WatchResponse_Heartbeat{Heartbeat: heartbeat}}
	ticker := time.NewTicker(hoardBeat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if h.SendMsg(message) != nil {
				return
			}
		}
	}
}
