package plugintest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/remote"
	"github.com/certshim/certshim/resolver"
)

func loadCases() []Case {
	return []Case{
		{ID: "D1", Level: Must, asks: true, Title: "survives calls whose deadline passes", run: deadlines,
			Hint: "give up work whose deadline has passed, and go on serving"},
		{ID: "D2", Level: Must, asks: true, Title: "survives calls that are cancelled", run: cancels,
			Hint: "give up work that is cancelled, and go on serving"},
		{ID: "D3", Level: Should, Title: "leaves no work behind that nobody waits for", run: leavesNoWork, needs: needsProcess, catches: []string{"ignore-cancel"},
			Hint: "look at the call's context between two issuers, and hand it to what you call"},
		{ID: "D4", Level: Should, Title: "keeps no thread and no file of calls that are cancelled", run: leaksNothing, needs: needsProcess, catches: []string{"leak", "no-heartbeat"},
			Hint: "end what a call or a watch began when its context ends, at once"},
		{ID: "C1", Level: Must, asks: true, Title: "answers 32 calls at once from 4 connections", run: concurrent, catches: []string{"dup-id", "drop-id"},
			Hint: "calls are concurrent: guard what they share"},
		{ID: "C2", Level: Must, asks: true, Title: "answers thousands of calls in a row in time", run: inARow,
			Hint: "answer from memory; ask your CA beside the calls"},
		{ID: "L1", Level: Must, asks: true, Title: "refuses a request of more than max_message_bytes", run: tooLarge,
			Hint: "set the server's limit for received messages to 1 MiB; the call ends by RESOURCE_EXHAUSTED"},
		{ID: "L2", Level: Must, asks: true, Title: "keeps a full answer within max_message_bytes", run: largestAnswer, catches: []string{"dup-id", "drop-id", "slow", "huge"},
			Hint: "an answer has at most 12 KiB, a response 1 MiB"},
		{ID: "L3", Level: Must, asks: true, Title: "survives garbage and idle connections", run: strayConnections,
			Hint: "leave the transport to the gRPC library"},
	}
}

func deadlines(ctx context.Context, p *probe) error {
	p.callWithDeadlines(ctx, 1, 2, 5, 10, 20, 50)
	_, err := p.one(ctx, p.good())
	return err
}

// callWithDeadlines, in milliseconds, asks for full batches.
func (p *probe) callWithDeadlines(ctx context.Context, deadlines ...int) {
	for _, ms := range deadlines {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		// It may have been faster.
		_, _ = p.client.Resolve(ctx, messages(p.full()))
		cancel()
	}
}

func cancels(ctx context.Context, p *probe) error {
	p.cancelCalls(ctx, 100)
	_, err := p.one(ctx, p.good())
	return err
}

func (p *probe) cancelCalls(ctx context.Context, times int) {
	for i := range times {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
		// It may have been faster.
		_, _ = p.client.Resolve(ctx, messages(p.full()))
		cancel()
	}
}

func concurrent(ctx context.Context, p *probe) error {
	const connections, callsEach = 4, 8
	queries := p.fixture.named()
	var lock sync.Mutex
	var errs []error
	note := func(err error) {
		lock.Lock()
		defer lock.Unlock()
		errs = append(errs, err)
	}
	var running sync.WaitGroup
	for range connections {
		connection, err := remote.Dial(p.socket, nil)
		if err != nil {
			return err
		}
		for range callsEach {
			running.Go(func() { note(p.compare(ctx, api.NewResolverServiceClient(connection), queries)) })
		}
		// Everything was read by then.
		defer func() { _ = connection.Close() }()
	}
	running.Wait()
	return errors.Join(errs...)
}

// compare asks in one call what was asked at the beginning in many.
func (p *probe) compare(ctx context.Context, client api.ResolverServiceClient, queries []resolver.Query) error {
	response, err := p.batch(ctx, client, queries)
	if err != nil {
		return err
	}
	answers, err := byID(response, len(queries))
	if err != nil {
		return err
	}
	for i, first := range p.first {
		now := answers[uint32(i+1)]
		if sameKind := first.GetFound() != nil == (now.GetFound() != nil); !sameKind {
			return fmt.Errorf("%s: it said %s, and under load %s", label(queries[i]), said(first), said(now))
		}
	}
	return nil
}

func inARow(ctx context.Context, p *probe) error {
	took := make([]time.Duration, 0, p.options.Calls)
	for range p.options.Calls {
		begin := time.Now()
		if _, err := p.one(ctx, p.good()); err != nil {
			return fmt.Errorf("call %d: %w", len(took)+1, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	if p99 := took[len(took)*99/100]; p99 > p.timeout {
		return fmt.Errorf("one call in a hundred takes %s or more", p99)
	}
	return nil
}

func tooLarge(ctx context.Context, p *probe) error {
	q := messages([]resolver.Query{p.good()})
	q.Queries[0].ObservedJson = []byte(`{"x":"` + strings.Repeat("a", 2*remote.MaxMessage) + `"}`)
	call, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	_, err := p.client.Resolve(call, q, grpc.MaxCallSendMsgSize(4*remote.MaxMessage))
	if status.Code(err) != codes.ResourceExhausted {
		return fmt.Errorf("a request of 2 MiB ended by %s, must be %s", status.Code(err), codes.ResourceExhausted)
	}
	_, err = p.one(ctx, p.good())
	return err
}

func largestAnswer(ctx context.Context, p *probe) error {
	queries := make([]resolver.Query, maxBatch)
	for i := range queries {
		queries[i] = p.good()
	}
	response, err := p.batch(ctx, p.client, queries)
	if err != nil {
		return err
	}
	answers, err := byID(response, maxBatch)
	if err != nil {
		return err
	}
	const maxAnswer = 12 << 10
	for _, a := range answers {
		if size := proto.Size(a); size > maxAnswer {
			return fmt.Errorf("an answer has %d bytes", size)
		}
	}
	return nil
}

func strayConnections(ctx context.Context, p *probe) error {
	const idle = 100
	var dialer net.Dialer
	for i := range idle {
		connection, err := dialer.DialContext(ctx, "unix", p.socket)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i+1, err)
		}
		// They are left open until the case is over.
		defer func() { _ = connection.Close() }()
		switch i {
		case 0:
			_, err = connection.Write([]byte("GET / HTTP/1.1\r\n\r\n\x00\xff garbage"))
		case 1:
			_, err = connection.Write([]byte("PRI * HTTP/2.0\r\n"))
		}
		if err != nil {
			return err
		}
	}
	_, err := p.one(ctx, p.good())
	return err
}
