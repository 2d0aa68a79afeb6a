package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

func loadCases() []Case {
	return []Case{
		{ID: "D1", Level: Must, asks: true, Title: "survives calls whose deadline passes", run: deadlines,
			Hint: "give up work whose deadline has passed, end it by DEADLINE_EXCEEDED, and go on serving", catches: []string{"grudge"}},
		{ID: "D2", Level: Must, asks: true, Title: "survives calls that are cancelled", run: cancels,
			Hint: "give up work that is cancelled, and go on serving"},
		{ID: "D3", Level: Should, Title: "leaves no work behind that nobody waits for", run: leavesNoWork, needs: needsProcess, catches: []string{"ignore-cancel"},
			Hint: "look at the call's context between two issuers, and hand it to what you call"},
		{ID: "D4", Level: Should, Title: "keeps no thread and no file of calls that are cancelled", run: leaksNothing, needs: needsProcess, catches: []string{"leak", "no-heartbeat"},
			Hint: "end what a call or a watch began when its context ends, at once"},
		{ID: "C1", Level: Must, asks: true, Title: "answers 32 calls at once from 4 connections", run: concurrent, catches: []string{"dup-id", "drop-id", "flap", "shared"},
			Hint: "calls are concurrent: guard what they share"},
		{ID: "C2", Level: Must, asks: true, Title: "answers thousands of calls in a row in time", run: inARow,
			Hint: "answer from memory; ask your CA beside the calls"},
		{ID: "C3", Level: Should, asks: true, Title: "answers a question before a hundred calls that follow it", run: prompt, catches: []string{"sluggish"},
			Hint: "answer from memory; ask your CA beside the calls"},
		{ID: "L1", Level: Must, asks: true, Title: "refuses a request of more than max_message_bytes", run: tooLarge,
			Hint: "set the server's limit for received messages to 1 MiB; the call ends by RESOURCE_EXHAUSTED", catches: []string{"gulp"}},
		{ID: "L2", Level: Must, asks: true, Title: "keeps a full answer within max_message_bytes", run: largestAnswer, catches: []string{"dup-id", "drop-id", "slow", "huge", "fat"},
			Hint: "an answer has at most 12 KiB, a response 1 MiB"},
		{ID: "L3", Level: Must, asks: true, Title: "survives garbage and idle connections", run: strayConnections,
			Hint: "leave the transport to the gRPC library", catches: []string{"fragile"}},
	}
}

func deadlines(ctx context.Context, p *probe) error {
	// Whether a full batch succeeds in time is checked by other cases.
	_, usual := p.batch(ctx, p.client, p.full())
	for _, code := range p.callWithDeadlines(ctx, 1, 2, 5, 10, 20, 50) {
		if code != codes.OK && code != codes.DeadlineExceeded && code != status.Code(usual) {
			return fmt.Errorf("a call whose deadline is short ended by %s, must be answered or end by %s", code, codes.DeadlineExceeded)
		}
	}
	_, err := p.one(ctx, p.good())
	return err
}

// callWithDeadlines asks about full batches with the given deadlines in milliseconds, and
// returns the calls' status codes.
func (p *probe) callWithDeadlines(ctx context.Context, deadlines ...int) []codes.Code {
	var ends []codes.Code
	for _, ms := range deadlines {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
		_, err := p.client.Resolve(ctx, messages(p.full()))
		ends = append(ends, status.Code(err))
		cancel()
	}
	return ends
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
		// The call may have finished first.
		_, _ = p.client.Resolve(ctx, messages(p.full()))
		cancel()
	}
}

func concurrent(ctx context.Context, p *probe) error {
	const connections, callsEach = 4, 8
	var lock sync.Mutex
	var errs []error
	note := func(err error) {
		lock.Lock()
		defer lock.Unlock()
		errs = append(errs, err)
	}
	var running sync.WaitGroup
	for i := range connections {
		connection, err := remote.Dial(p.socket, nil)
		if err != nil {
			return err
		}
		for j := range callsEach {
			running.Go(func() { note(p.compare(ctx, api.NewResolverServiceClient(connection), i*callsEach+j)) })
		}
		// All that matters has been read.
		defer func() { _ = connection.Close() }()
	}
	running.Wait()
	return problem.Join(errs...)
}

// compare asks in one call what was asked in separate calls at the beginning. The number varies
// how many issuers are asked about, and which come first.
func (p *probe) compare(ctx context.Context, client api.ResolverServiceClient, number int) error {
	const largest = 30
	named := p.fixture.named()
	queries := make([]resolver.Query, 1+number%largest)
	for i := range queries {
		queries[i] = named[(number+i)%len(named)]
	}
	response, err := p.batch(ctx, client, queries)
	if err != nil {
		return err
	}
	answers, err := byID(response, len(queries))
	if err != nil || len(p.first) != len(named) {
		return err
	}
	for i, q := range queries {
		first, now := p.first[(number+i)%len(named)], answers[uint32(i+1)]
		if !proto.Equal(timeless(first), timeless(now)) {
			return fmt.Errorf("%s: it said %s, and under load %s", label(q), summary(first), summary(now))
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
	if p99 := percentile99(took); p99 > p.timeout {
		return fmt.Errorf("one call in a hundred takes %s or more", p99)
	}
	return nil
}

// prompt asks questions, each followed by handshakes on the same connection. Even on a busy
// machine, few of them overtake an answer that comes from memory.
func prompt(ctx context.Context, p *probe) error {
	const rounds, most = 9, 100
	overtaken := make([]int, rounds)
	for i := range overtaken {
		var err error
		if overtaken[i], err = p.overtaken(ctx, most); err != nil {
			return err
		}
	}
	slices.Sort(overtaken)
	if overtaken[rounds/2] == most {
		return fmt.Errorf("most questions were still unanswered when %d handshakes that followed had been answered, one after another", most)
	}
	return nil
}

// overtaken counts the consecutive handshakes, at most most, that are answered before a question
// that was sent earlier.
func (p *probe) overtaken(ctx context.Context, most int) (int, error) {
	answered := make(chan error, 1)
	go func() {
		_, err := p.one(ctx, p.good())
		answered <- err
	}()
	for n := range most {
		select {
		case err := <-answered:
			return n, err
		default:
		}
		if err := p.works(ctx); err != nil {
			return n, errors.Join(err, <-answered)
		}
	}
	return most, <-answered
}

// percentile99 returns the 99th percentile.
func percentile99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
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

// sendGarbage sends garbage and waits for the end of the connection, which shows that the plugin
// has seen it. A server need not end it.
func sendGarbage(connection net.Conn) error {
	if _, err := connection.Write([]byte("GET / HTTP/1.1\r\n\r\n\x00\xff garbage")); err != nil {
		return err
	}
	if err := connection.SetReadDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return err
	}
	// How the connection ends is up to the server.
	_, _ = io.Copy(io.Discard, connection)
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
		// They stay open until the case ends.
		defer func() { _ = connection.Close() }()
		switch i {
		case 0:
			err = sendGarbage(connection)
		case 1:
			_, err = connection.Write([]byte("PRI * HTTP/2.0\r\n"))
		}
		if err != nil {
			return err
		}
	}
	if _, err := p.one(ctx, p.good()); err != nil {
		return err
	}
	// It must accept new connections, too.
	if err := p.reconnect(); err != nil {
		return err
	}
	return p.works(ctx)
}
