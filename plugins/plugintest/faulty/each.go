package faulty

import (
	"context"
	"time"

	"google.golang.org/grpc"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/wire"
	"github.com/certshim/certshim/resolver"
)

// tellEach serves a watch that sends a message for each change, without merging them.
func (p *Plugin) tellEach(stream grpc.ServerStream) error {
	const many = 2000
	changes := make(chan resolver.Change, many)
	watching, stop := context.WithCancel(stream.Context())
	defer stop()
	go func() { _ = p.Watch(watching, func(c resolver.Change) { changes <- c }) }()
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	message := &api.WatchResponse{Event: &api.WatchResponse_Heartbeat{Heartbeat: &api.Heartbeat{}}}
	for {
		if err := stream.SendMsg(message); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-ticker.C:
			message = &api.WatchResponse{Event: &api.WatchResponse_Heartbeat{Heartbeat: &api.Heartbeat{}}}
		case change := <-changes:
			message = &api.WatchResponse{Event: &api.WatchResponse_Changed{Changed: wire.Change(change, scopeOf)}}
		}
	}
}

func scopeOf(kind resolver.GroupKind) resolver.Scope {
	for _, known := range Kinds() {
		if known.GroupKind == kind {
			return known.Scope
		}
	}
	return resolver.ScopeUnknown
}
