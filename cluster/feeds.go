package cluster

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"github.com/certshim/certshim/resolver"
)

// Patience is how long a resource that can't be listed, for whatever reason, keeps the others
// waiting.
const Patience = 30 * time.Second

// Feeds keeps a feed for each resource that is wanted. Set its fields before the first call;
// its methods are called from one goroutine.
type Feeds struct {
	Clients Clients
	// Namespaces to watch; none means all.
	Namespaces []string
	// Look is called when a feed has synced, or it has turned out that it can't: it is time for
	// Attach. It must not block.
	Look func()
	// Report, if it is set, gets the status of a feed whenever that changes. It must neither
	// block nor call back.
	Report func(Status)
	Log    *slog.Logger

	// feeds are in the order in which they were wanted first.
	feeds []*feed
}

// Update starts the feeds that are wanted and don't run, and ends those that run and aren't
// wanted. A feed whose group is unknown runs on. Of two that want the same resource the first
// counts: two declarations may name it.
func (w *Feeds) Update(ctx context.Context, wanted []Resource, unknown func(group string) bool) {
	again := map[schema.GroupVersionResource]bool{}
	for _, f := range slices.Clone(w.feeds) {
		i := slices.IndexFunc(wanted, func(r Resource) bool { return r.GVR == f.GVR })
		switch {
		case i >= 0 && reflect.DeepEqual(wanted[i].Key, f.Key):
		case i >= 0:
			again[f.GVR] = true
			w.end(f)
		case !unknown(f.GVR.Group):
			w.Log.Info("a resource is no longer watched: its objects are forgotten, nothing is deleted", "resource", f.GVR.GroupResource().String())
			w.end(f)
		}
	}
	for _, r := range wanted {
		if !w.runs(r.GVR.GroupResource()) {
			w.start(ctx, r, again[r.GVR])
		}
	}
}

// runs says whether any version of a resource is watched.
func (w *Feeds) runs(resource schema.GroupResource) bool {
	return slices.ContainsFunc(w.feeds, func(f *feed) bool { return f.GVR.GroupResource() == resource })
}

func (w *Feeds) start(ctx context.Context, r Resource, again bool) {
	f := &feed{Resource: r, feeds: w, started: time.Now(), again: again}
	if err := f.start(ctx); err != nil {
		w.Log.Error("can't build a client", "resource", r.GVR.GroupResource().String(), "error", err)
		return
	}
	w.feeds = append(w.feeds, f)
	attributes := []any{"resource", r.GVR.GroupResource().String()}
	if r.Note != "" {
		attributes = append(attributes, "note", r.Note)
	}
	w.Log.Info("watching", attributes...)
}

func (w *Feeds) end(f *feed) {
	f.end()
	w.feeds = slices.DeleteFunc(w.feeds, func(other *feed) bool { return other == f })
	f.change(func(s *Status) { s.Attached, s.Ended = false, true })
	f.Forget()
}

// Stop ends all feeds. Nothing is forgotten or reported.
func (w *Feeds) Stop() {
	for _, f := range w.feeds {
		f.stop()
	}
	for _, f := range w.feeds {
		f.end()
	}
}

// Attach hands the objects of the feeds to their handlers, once each has synced or can't:
// before that, what is missing might yet come. It waits until the handlers have seen the
// first list.
func (w *Feeds) Attach(ctx context.Context) {
	if slices.ContainsFunc(w.feeds, func(f *feed) bool { return !f.synced() && f.isAwaited() }) {
		return
	}
	var seen []cache.DoneChecker
	var attached []*feed
	for _, f := range w.feeds {
		if !f.attached() && f.synced() {
			attached = append(attached, f)
			seen = append(seen, f.attach()...)
		}
	}
	if !cache.WaitFor(ctx, "", seen...) {
		return
	}
	for _, f := range attached {
		f.change(func(s *Status) { s.Attached = true })
	}
}

// Attached says whether the objects of a resource are known.
func (w *Feeds) Attached(resource schema.GroupVersionResource) bool {
	return slices.ContainsFunc(w.feeds, func(f *feed) bool { return f.GVR == resource && f.attached() })
}

// Rereads says that objects which were known are being read again, as their Key has changed.
func (w *Feeds) Rereads() bool {
	return slices.ContainsFunc(w.feeds, func(f *feed) bool { return f.again && !f.attached() && f.isAwaited() })
}

// Ready says that the objects of all resources are known, but for advisory ones, those that
// are read again and those that may not be read.
func (w *Feeds) Ready() bool {
	return !slices.ContainsFunc(w.feeds, func(f *feed) bool {
		return !f.attached() && !f.blocked() && !f.Advisory && !f.again
	})
}

// Whole gives the kinds of which every object is known, and stays up to date.
func (w *Feeds) Whole() map[resolver.GroupKind]bool {
	whole := map[resolver.GroupKind]bool{}
	for _, f := range w.feeds {
		if f.Kind.Kind != "" && f.attached() && !f.blocked() {
			whole[f.Kind] = true
		}
	}
	return whole
}

// Reading gives the kinds whose objects are not known yet, and are worth waiting for.
func (w *Feeds) Reading() map[resolver.GroupKind]bool {
	reading := map[resolver.GroupKind]bool{}
	for _, f := range w.feeds {
		if !f.attached() && (f.synced() || f.isAwaited()) {
			reading[f.Kind] = true
		}
	}
	return reading
}
