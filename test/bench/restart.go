package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const restartNamespaces = 20

// program is one that starts over objects that are up to date.
type program struct {
	name  string
	start func(context.Context) (*controller, error)
}

// restart is one start of it, until it rests.
type restart struct {
	usage
	took   time.Duration
	writes float64
}

// starts are all starts of one program.
type starts struct {
	name string
	all  []restart
}

// restarts measures starts over pairs that are up to date: certshim and bare readers in
// turns, then cert-manager's shim.
func (b *bench) restarts(ctx context.Context, out io.Writer) error {
	if err := b.makePairs(ctx); err != nil {
		return err
	}
	programs := []program{b.certshimProgram()}
	if b.before != "" {
		programs = append(programs, program{name: "certshim, an older build", start: func(ctx context.Context) (*controller, error) {
			return b.build(ctx, b.before, nil)
		}})
	}
	programs = append(programs, b.readerProgram(bytesName, "bytes"), b.readerProgram("client-go's dynamic informers, bare", "objects"))
	measured, err := b.inTurns(ctx, b.size.turns, programs...)
	if err != nil {
		return err
	}
	if err := b.handOver(ctx); err != nil {
		return err
	}
	shim, err := b.inTurns(ctx, b.size.turns, b.shimProgram())
	if err != nil {
		return err
	}
	return restartReport{size: b.size, restarts: append(measured, shim...)}.write(out)
}

// makePairs makes Ingresses, their Certificates by certshim, and the status of both.
func (b *bench) makePairs(ctx context.Context) error {
	note("making %d Ingresses", b.size.pairs)
	if _, err := b.makeNamespaces(ctx, "team", restartNamespaces, b.size.pairs); err != nil {
		return err
	}
	if err := b.expose(ctx); err != nil {
		return err
	}
	note("making their Certificates")
	if _, err := b.started(ctx, b.size.pairs, func() (*controller, error) { return b.certshim(ctx) }); err != nil {
		return err
	}
	return b.issue(ctx)
}

func (b *bench) certshimProgram() program {
	return program{name: certshimName, start: func(ctx context.Context) (*controller, error) { return b.certshim(ctx) }}
}

func (b *bench) shimProgram() program { return program{name: shimName, start: b.shim} }

func (b *bench) readerProgram(name, reader string) program {
	return program{name: name, start: func(ctx context.Context) (*controller, error) { return b.reader(ctx, reader) }}
}

// handOver lets cert-manager's shim write once: it has a field manager of its own, and takes
// the fields of certshim's Certificates at its first start.
func (b *bench) handOver(ctx context.Context) error {
	note("letting cert-manager's shim take over")
	_, err := b.restart(ctx, b.shimProgram())
	return err
}

// inTurns starts the programs in turns.
func (b *bench) inTurns(ctx context.Context, turns int, programs ...program) ([]starts, error) {
	measured := make([]starts, len(programs))
	for turn := range turns {
		for i := range programs {
			i = (i + turn) % len(programs)
			r, err := b.restart(ctx, programs[i])
			if err == nil && r.writes > 0 {
				err = fmt.Errorf("%v writes, where everything is up to date", r.writes)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", programs[i].name, err)
			}
			note("restart: %s: %s of CPU, %d MB", programs[i].name, r.cpu, r.peak>>20)
			measured[i].name = programs[i].name
			measured[i].all = append(measured[i].all, r)
		}
	}
	return measured, nil
}

// restart starts one program and waits until it rests.
func (b *bench) restart(ctx context.Context, p program) (restart, error) {
	if err := b.rest(ctx); err != nil {
		return restart{}, err
	}
	before, err := b.writes(ctx)
	if err != nil {
		return restart{}, err
	}
	began := time.Now()
	c, err := p.start(ctx)
	if err != nil {
		return restart{}, err
	}
	defer func() { _ = c.Stop() }()
	r := restart{}
	if c.address != "" {
		if err := c.untilDone(ctx); err != nil {
			return r, err
		}
		r.took = time.Since(began)
	}
	// One that waits for a busy server is idle for a moment, too.
	if err := untilIdle(ctx, 3, c.Pid()); err != nil {
		return r, err
	}
	if r.usage, err = usageOf(c.Pid()); err != nil {
		return r, err
	}
	after, err := b.writes(ctx)
	r.writes = after - before
	return r, err
}

// untilDone waits until certshim has looked at everything once.
func (c *controller) untilDone(ctx context.Context) error {
	for {
		body, err := get(ctx, "http://"+c.address+"/metrics")
		if err == nil && strings.Contains(body, "\ncertshim_initial_reconcile_done 1\n") {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.Done():
			return errors.New("certshim has ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(response.Body)
	return string(body), errors.Join(err, response.Body.Close())
}
