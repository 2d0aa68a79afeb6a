package remote_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

// Changes before the plugin listened would otherwise go unnoticed until the answers expire.
func TestTheBeginOfAStreamPutsAllInDoubt(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "p.sock")
	stop, err := faulty.New(faulty.None).Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	session, err := remote.New(remote.Config{Socket: socket, Kinds: faulty.Kinds(), Grant: faulty.Grant(), Timeout: time.Minute}).Connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	heard := make(chan resolver.Change, 1)
	go func() {
		_ = session.Watch(ctx, func(change resolver.Change) {
			select {
			case heard <- change:
			default:
			}
		})
	}()
	select {
	case change := <-heard:
		for _, kind := range faulty.Kinds() {
			if !slices.Contains(change.Kinds, kind.GroupKind) {
				t.Errorf("%v isn't in doubt: %v", kind.GroupKind, change)
			}
		}
	case <-ctx.Done():
		t.Fatal("nothing was in doubt")
	}
}
