package plugintest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/remote"
)

func socketCases() []Case {
	return []Case{
		{ID: "S1", Level: Must, Title: "has a socket that only its owner and group can use", run: socketMode, catches: []string{"open-socket", "litter"},
			Hint: "set the socket's mode to 0660; keep nothing else in its folder"},
		{ID: "S2", Level: Should, Title: "serves nothing else on the socket", run: nothingElse, catches: []string{"debugs"},
			Hint: "leave reflection and debugging services out"},
		{ID: "X3", Level: Must, asks: true, Title: "survives 100 connections that come and go", run: comeAndGo, catches: []string{"keeps-connections"},
			Hint: "leave connections to the gRPC library; what one began ends with it"},
		{ID: "R10", Level: Must, asks: true, Title: "is not changed by being asked", run: unchanged, catches: []string{"flap", "learns", "missing-fails", "guesses"},
			Hint: "Resolve reads and writes nothing"},
		{ID: "S3", Level: Should, Title: "writes no issuer's name to its standard output", run: keepsQuiet, needs: needsOutput, catches: []string{"chatty"},
			Hint: "log which issuers you are asked about at a level of debug only, to standard error"},
	}
}

func lifeCases() []Case {
	return []Case{
		{ID: "X1", Level: Must, asks: true, Title: "comes back by itself after a crash", run: restarts, needs: needsRestart, catches: []string{"flap", "stale-socket", "missing-fails", "guesses"},
			Hint: "remove a socket that nobody listens on when you start; make a new instance; give the same answers"},
		{ID: "X2", Level: Must, Title: "ends on SIGTERM and takes its socket along", run: stops, needs: needsStop, catches: []string{"lingers", "deathless"},
			Hint: "finish calls in flight, then end within 10 s and remove the socket"},
	}
}

func socketMode(_ context.Context, p *probe) error {
	info, err := os.Lstat(p.socket)
	if err != nil {
		return err
	}
	const others = 0o002
	if info.Mode().Perm()&others != 0 {
		return fmt.Errorf("the socket's mode is %s", info.Mode().Perm())
	}
	folder, err := os.Stat(filepath.Dir(p.socket))
	if err != nil {
		return err
	}
	return errors.Join(remote.CheckSocket(p.socket), p.alone(folder))
}

// alone reports other files in the socket's folder. A shared folder such as /tmp is ignored.
func (p *probe) alone(folder fs.FileInfo) error {
	if folder.Mode()&os.ModeSticky != 0 {
		return nil
	}
	entries, err := os.ReadDir(filepath.Dir(p.socket))
	for _, entry := range entries {
		if entry.Name() != filepath.Base(p.socket) {
			return fmt.Errorf("the socket's folder has %q, too, and must have nothing but the socket", entry.Name())
		}
	}
	return err
}

func nothingElse(ctx context.Context, p *probe) error {
	for _, method := range []string{
		"grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
		"grpc.channelz.v1.Channelz/GetTopChannels",
	} {
		call, cancel := context.WithTimeout(ctx, handshakeTimeout)
		stream, err := p.connection.NewStream(call, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+method)
		if err == nil {
			err = errors.Join(stream.CloseSend(), stream.RecvMsg(&api.WatchResponse{}))
		}
		cancel()
		if status.Code(err) != codes.Unimplemented {
			return fmt.Errorf("it serves %s", method)
		}
	}
	return nil
}

func comeAndGo(ctx context.Context, p *probe) error {
	const times = 100
	// If usage can't be measured, only continued service counts.
	before, _ := p.usage()
	for range times {
		if err := p.reconnect(); err != nil {
			return err
		}
		if err := p.works(ctx); err != nil {
			return err
		}
	}
	if _, err := p.one(ctx, p.good()); err != nil || p.unseen != "" {
		return err
	}
	return p.settles(ctx, before, fmt.Sprintf("%d connections that came and went", times))
}

func unchanged(ctx context.Context, p *probe) error {
	now, err := p.askAll(ctx)
	if err != nil {
		return err
	}
	if len(p.first) != len(now) {
		return errors.New("at the beginning it did not answer for every issuer")
	}
	for i, q := range p.fixture.named() {
		if !proto.Equal(timeless(p.first[i]), timeless(now[i])) {
			return fmt.Errorf("%s: at the beginning it said %s, now %s", label(q), summary(p.first[i]), summary(now[i]))
		}
	}
	return findsMissing(ctx, p)
}

func needsOutput(p *probe) string {
	if p.options.Output == nil {
		return "the fixture has no command that prints the plugin's standard output"
	}
	return ""
}

// keepsQuiet searches the output for an issuer's name, as a whole word, after asking about an
// issuer whose name occurs nowhere else.
func keepsQuiet(ctx context.Context, p *probe) error {
	name := "certshim-" + strings.ToLower(rand.Text())
	asked := append(p.fixture.all(), p.fixture.Issuers[0].question(p.fixture, name))
	for _, q := range asked {
		// The answer is checked by other cases.
		_, _ = p.one(ctx, q)
	}
	text, err := p.options.Output(ctx)
	if err != nil {
		return err
	}
	for _, q := range asked {
		const end = `($|[^a-z0-9.-])`
		if regexp.MustCompile(`(?m)(^|[^a-z0-9.-])` + regexp.QuoteMeta(q.Issuer.Name) + end).MatchString(text) {
			return fmt.Errorf("its standard output has the name %q", q.Issuer.Name)
		}
	}
	return nil
}

func needsRestart(p *probe) string {
	if p.options.Restart == nil {
		return "the fixture has no command that restarts the plugin"
	}
	return ""
}

func needsStop(p *probe) string {
	if p.options.Stop == nil {
		return "the fixture has no command that stops the plugin"
	}
	return ""
}

func restarts(ctx context.Context, p *probe) error {
	if err := p.options.Restart(ctx); err != nil {
		return err
	}
	end := time.Now().Add(p.options.Back)
	for {
		err := p.reconnect()
		var hello *api.HandshakeResponse
		if err == nil {
			hello, err = p.handshake(ctx, p.client, p.request())
		}
		switch {
		case err == nil && hello.GetInstance() != p.hello.GetInstance():
			return unchanged(ctx, p)
		case time.Now().After(end) && err == nil:
			return errors.New("it has the instance that it had before")
		case time.Now().After(end):
			return fmt.Errorf("it isn't back after %s: %w", p.options.Back, err)
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// stops keeps calling while the plugin stops: each call must be answered or end with
// UNAVAILABLE, or with CANCELLED, which gRPC's Python server returns for calls that arrive while
// it ends.
func stops(ctx context.Context, p *probe) error {
	// It may be another process since the restart.
	p.findProcess(ctx)
	ended, client := make(chan error, 1), p.client
	go func() {
		for {
			if _, err := p.handshake(ctx, client, p.request()); err != nil {
				ended <- err
				return
			}
		}
	}()
	end := time.Now().Add(p.options.Back)
	if err := p.options.Stop(ctx); err != nil {
		return err
	}
	select {
	case err := <-ended:
		if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled {
			return fmt.Errorf("a call in flight ended by %s, must be answered or end by %s or %s", code, codes.Unavailable, codes.Canceled)
		}
	case <-time.After(time.Until(end)):
		return fmt.Errorf("it still answers after %s", p.options.Back)
	}
	for remains := p.remains(); remains != ""; remains = p.remains() {
		if time.Now().After(end) {
			return fmt.Errorf("%s is still there after %s", remains, p.options.Back)
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// remains describes what is left of the plugin; a process that isn't visible is assumed to be
// gone.
func (p *probe) remains() string {
	if _, err := os.Lstat(p.socket); !errors.Is(err, fs.ErrNotExist) {
		return "the socket"
	}
	if p.pid != 0 && p.pid != os.Getpid() && p.runs() {
		return fmt.Sprintf("the process %d", p.pid)
	}
	return ""
}

// rest waits a moment before the next check.
func rest(ctx context.Context) error {
	const moment = 50 * time.Millisecond
	return restFor(ctx, moment)
}

// restFor waits for d, or until the context ends.
func restFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
