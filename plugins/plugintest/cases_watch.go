package plugintest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

func watchCases() []Case {
	return []Case{
		{ID: "W1", Level: Must, Title: "keeps a watch alive by heartbeats", run: heartbeats, needs: needsWatch, catches: []string{"no-heartbeat", "one-beat"},
			Hint: "send a message at once, and at least every 15 s"},
		{ID: "W2", Level: Must, asks: true, Title: "tells of a change, and then answers differently", run: tellsChange, needs: needsChange, catches: []string{"deaf", "no-heartbeat", "flap"},
			Hint: "send changed with the issuer, or its kind, within 5 s"},
		{ID: "W3", Level: Must, Title: "tells of no change where there is none", run: quiet, needs: needsWatch, catches: []string{"storm", "no-heartbeat"},
			Hint: "send changed only if an answer is different now"},
		{ID: "W4", Level: Must, Title: "serves several watchers, of which one may go", run: severalWatchers, needs: needsWatch, catches: []string{"no-heartbeat", "one-beat", "deaf", "first-watcher"},
			Hint: "each stream gets every change, and ends alone"},
		{ID: "W5", Level: Must, Title: "answers UNIMPLEMENTED to Watch where it has none", run: noWatch, needs: needsNoWatch, catches: []string{"hidden-watch"},
			Hint: "leave Watch to the generated code if watches is false"},
		{ID: "W6", Level: Must, Title: "stays small where a watcher doesn't read", run: staysSmall, needs: needsWatchOfProcess, catches: []string{"hoard"},
			Hint: "remember for each watcher which issuers changed, not each change: more than 64 become their kind"},
		{ID: "W7", Level: Must, Title: "tells a storm of changes in few messages", run: gathersStorm, needs: needsStorm,
			Hint: "gather what changes within a moment into one message: at most 50, and 20 more each second, of at most 64 issuers", catches: []string{"each-change", "storm", "deaf", "no-heartbeat"}},
	}
}

func needsWatch(p *probe) string {
	if !p.hello.GetWatches() {
		return "the plugin's handshake says watches: false"
	}
	return ""
}

func needsNoWatch(p *probe) string {
	if p.hello.GetWatches() {
		return "the plugin's handshake says watches: true"
	}
	return ""
}

func needsChange(p *probe) string {
	if p.options.Change == nil && p.hello.GetWatches() {
		return "the fixture has no command that makes a change"
	}
	return needsWatch(p)
}

func needsStorm(p *probe) string {
	if p.options.Storm == nil && p.hello.GetWatches() {
		return "the fixture has no command that makes a storm of changes"
	}
	return needsWatch(p)
}

func needsWatchOfProcess(p *probe) string { return cmp.Or(needsWatch(p), needsProcess(p)) }

// watch is a stream that delivers messages through one channel, and its end through another.
type watch struct {
	messages chan *api.WatchResponse
	ended    chan error
	stop     context.CancelFunc
}

func (p *probe) watch(ctx context.Context) (*watch, error) {
	ctx, stop := context.WithCancel(ctx)
	stream, err := p.client.Watch(ctx, &api.WatchRequest{})
	if err != nil {
		stop()
		return nil, fmt.Errorf("call of Watch: %w", err)
	}
	w := &watch{messages: make(chan *api.WatchResponse, 16), ended: make(chan error, 1), stop: stop}
	go w.read(ctx, stream)
	return w, nil
}

func (w *watch) read(ctx context.Context, stream grpc.ServerStreamingClient[api.WatchResponse]) {
	for {
		message, err := stream.Recv()
		if err != nil {
			w.ended <- err
			return
		}
		select {
		case w.messages <- message:
		case <-ctx.Done():
			w.ended <- ctx.Err()
			return
		}
	}
}

// next waits for a message.
func (w *watch) next(within time.Duration) (*api.WatchResponse, error) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case message := <-w.messages:
		return message, nil
	case err := <-w.ended:
		return nil, fmt.Errorf("the watch ended: %w", err)
	case <-timer.C:
		return nil, fmt.Errorf("the watch was silent for %s", within)
	}
}

// opened returns a watch that has sent its first message.
func (p *probe) opened(ctx context.Context) (*watch, error) {
	w, err := p.watch(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := w.next(p.options.Beat); err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

func heartbeats(ctx context.Context, p *probe) error {
	w, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	for range 2 {
		if _, err := w.next(p.options.Beat); err != nil {
			return err
		}
	}
	return nil
}

func tellsChange(ctx context.Context, p *probe) error {
	w, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	before, err := p.askAll(ctx)
	if err != nil {
		return err
	}
	if err := p.options.Change(ctx); err != nil {
		return err
	}
	told, untold := w.changed(p.options.Told)
	after, err := p.askAll(ctx)
	if err != nil {
		return err
	}
	// Later cases compare with the answers from now on.
	p.first = after
	if untold != nil {
		return untold
	}
	var different []resolver.Query
	for i, q := range p.fixture.named() {
		if !proto.Equal(timeless(before[i]), timeless(after[i])) {
			different = append(different, q)
		}
	}
	if len(different) == 0 {
		return errors.New("it reported a change, and answers as before")
	}
	for _, q := range different {
		if !tells(told, q.Issuer) {
			return fmt.Errorf("%s is different, and it reported %v only", label(q), told)
		}
	}
	return nil
}

// changed waits for the first change.
func (w *watch) changed(within time.Duration) (*api.Changed, error) {
	end := time.Now().Add(within)
	for {
		message, err := w.next(time.Until(end))
		if err != nil {
			return nil, fmt.Errorf("no change was reported: %w", err)
		}
		if message.GetChanged() != nil {
			return message.GetChanged(), nil
		}
	}
}

func tells(c *api.Changed, key resolver.IssuerKey) bool {
	return slices.ContainsFunc(c.GetKinds(), func(k *api.Kind) bool {
		return k.GetGroup() == key.Group && k.GetKind() == key.Kind
	}) || slices.ContainsFunc(c.GetIssuers(), func(i *api.Issuer) bool {
		return i.GetKind().GetGroup() == key.Group && i.GetKind().GetKind() == key.Kind && i.GetNamespace() == key.Namespace && i.GetName() == key.Name
	})
}

func quiet(ctx context.Context, p *probe) error {
	w, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	changed, err := w.changed(p.options.Quiet)
	if err == nil {
		return fmt.Errorf("nothing changed, and it reported %v", changed)
	}
	return nil
}

// gathersStorm checks that a plugin sends no more messages than certshim reads: others would
// queue up and be outdated.
func gathersStorm(ctx context.Context, p *probe) error {
	w, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer w.stop()
	begin, over := time.Now(), make(chan error, 1)
	go func() { over <- p.options.Storm(ctx) }()
	told, err := w.count(over, p.options.Told)
	defer p.resetFirst(ctx)
	most := remote.WatchBurst + int(remote.WatchRate*time.Since(begin).Seconds())
	switch {
	case err != nil:
		return err
	case told == 0:
		return errors.New("it reported no change")
	case told > most:
		return fmt.Errorf("it reported the changes in %d messages, must be at most %d in that time", told, most)
	}
	return nil
}

// count counts the messages about changes until a while after over is closed.
func (w *watch) count(over <-chan error, while time.Duration) (told int, err error) {
	const most = 64
	var end <-chan time.Time
	for {
		select {
		case message := <-w.messages:
			if n := len(message.GetChanged().GetIssuers()); n > most {
				return told, fmt.Errorf("a message names %d issuers, must be at most %d", n, most)
			}
			if message.GetChanged() != nil {
				told++
			}
		case err := <-w.ended:
			return told, fmt.Errorf("the watch ended: %w", err)
		case err := <-over:
			if err != nil {
				return told, err
			}
			over, end = nil, time.After(while)
		case <-end:
			return told, nil
		}
	}
}

func severalWatchers(ctx context.Context, p *probe) error {
	first, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer first.stop()
	second, err := p.opened(ctx)
	if err != nil {
		return err
	}
	defer second.stop()
	defer p.resetFirst(ctx)
	if err := p.tellsEach(ctx, first, second); err != nil {
		return err
	}
	first.stop()
	if _, err := second.next(p.options.Beat); err != nil {
		return fmt.Errorf("after another watch had gone: %w", err)
	}
	return nil
}

// tellsEach makes a change, if it can, and checks that all watches report it.
func (p *probe) tellsEach(ctx context.Context, watches ...*watch) error {
	if p.options.Change == nil {
		return nil
	}
	if err := p.options.Change(ctx); err != nil {
		return err
	}
	for i, w := range watches {
		if _, err := w.changed(p.options.Told); err != nil {
			return fmt.Errorf("watch %d of %d: %w", i+1, len(watches), err)
		}
	}
	return nil
}

// watchUnread opens a watch on a connection of its own, from which nothing is read.
func (p *probe) watchUnread(ctx context.Context) (closeIt func(), err error) {
	connection, err := remote.Dial(p.socket, nil)
	if err != nil {
		return nil, err
	}
	if _, err := api.NewResolverServiceClient(connection).Watch(ctx, &api.WatchRequest{}); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	// Nothing depends on how it ends.
	return func() { _ = connection.Close() }, nil
}

func noWatch(ctx context.Context, p *probe) error {
	w, err := p.watch(ctx)
	if err == nil {
		defer w.stop()
		_, err = w.next(p.options.Beat)
	}
	if code := status.Code(errors.Unwrap(err)); code != codes.Unimplemented {
		return fmt.Errorf("it ended by %s, must be %s", code, codes.Unimplemented)
	}
	return nil
}
