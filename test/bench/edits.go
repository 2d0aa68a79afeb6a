package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// editsAtRest is how many Ingresses gain a name once certshim rests.
const editsAtRest = 2000

const (
	ingressWatch     = "/apis/networking.k8s.io/v1/ingresses"
	certificateWatch = "/apis/cert-manager.io/v1/certificates"
)

// edits are those that a simulated API server plays: Ingresses gain a name, and their Certificates are as certshim applies them.
type edits struct {
	// begun is how many Ingresses are edited; before the first, nothing may be written.
	begun atomic.Int64
	// applied is how many Certificates were written, and version the last resourceVersion that was given.
	applied, version atomic.Int64
	done             chan struct{}
}

// edit lets so many Ingresses gain a name, all at once, and waits until each led to a write.
func (s *streams) edit(ctx context.Context, count int) error {
	s.edits.begun.Store(int64(count))
	for i := range count {
		edited, err := s.edited(i)
		if err != nil {
			return err
		}
		select {
		case s.resource[ingressWatch].changes <- edited:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-s.edits.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d edits led to a write: %w", s.edits.applied.Load(), count, ctx.Err())
	}
}

// edited is the i-th Ingress with a name more.
func (s *streams) edited(i int) ([]byte, error) {
	var object unstructured.Unstructured
	if err := json.Unmarshal(numbered(s.resource[ingressWatch].object, i), &object.Object); err != nil {
		return nil, err
	}
	tls, _, err := unstructured.NestedSlice(object.Object, "spec", "tls")
	if err != nil || len(tls) != 1 {
		return nil, fmt.Errorf("the recorded Ingress has %d entries: %w", len(tls), err)
	}
	entry, _ := tls[0].(map[string]any)
	hosts, _ := entry["hosts"].([]any)
	entry["hosts"] = append(hosts, "new."+object.GetName()+".example.com")
	if err := unstructured.SetNestedSlice(object.Object, tls, "spec", "tls"); err != nil {
		return nil, err
	}
	object.SetResourceVersion(s.nextVersion())
	return json.Marshal(object.Object)
}

// firstVersion is beyond those of all recorded objects.
const firstVersion = 10_000_000

func (s *streams) nextVersion() string {
	return strconv.FormatInt(firstVersion+s.edits.version.Add(1), 10)
}

// serveObject answers for a single object: reads of the Ingresses that are edited, applies of their Certificates, and Events.
func (s *streams) serveObject(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	answer := body
	switch i := numberOf(r.URL.Path); {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/events"):
	case i < 0 || i >= int(s.edits.begun.Load()):
		return errors.New("it isn't one that is edited")
	case r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/ingresses/"):
		if answer, err = s.edited(i); err != nil {
			return err
		}
	case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/certificates/"):
		if answer, err = s.apply(i, body); err != nil {
			return err
		}
	default:
		return errors.New("nothing else is served")
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(answer)
	return err
}

// apply is the i-th Certificate with the spec that was applied. Its watch shows it, too.
func (s *streams) apply(i int, body []byte) ([]byte, error) {
	var made, applied unstructured.Unstructured
	if err := json.Unmarshal(numbered(s.resource[certificateWatch].object, i), &made.Object); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &applied.Object); err != nil {
		return nil, err
	}
	made.Object["spec"] = applied.Object["spec"]
	made.SetGeneration(made.GetGeneration() + 1)
	made.SetResourceVersion(s.nextVersion())
	answer, err := json.Marshal(made.Object)
	if err != nil {
		return nil, err
	}
	s.resource[certificateWatch].changes <- answer
	if s.edits.applied.Add(1) == s.edits.begun.Load() {
		close(s.edits.done)
	}
	return answer, nil
}

var number = regexp.MustCompile(`web-(\d{7})`)

// numberOf is the number of the object that a path is about, or -1.
func numberOf(path string) int {
	found := number.FindStringSubmatch(path)
	if found == nil {
		return -1
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return -1
	}
	return n - firstNumber
}

// editing is the CPU that certshim takes for one of so many edits at once.
func (s *streams) editing(ctx context.Context, pid, count int) (time.Duration, error) {
	before, err := usageOf(pid)
	if err != nil {
		return 0, err
	}
	if err := s.edit(ctx, count); err != nil {
		return 0, err
	}
	if err := untilIdle(ctx, 3, pid); err != nil {
		return 0, err
	}
	after, err := usageOf(pid)
	if err == nil && s.edits.applied.Load() != int64(count) {
		err = fmt.Errorf("%d edits led to %d writes", count, s.edits.applied.Load())
	}
	return (after.cpu - before.cpu) / time.Duration(count), err
}
