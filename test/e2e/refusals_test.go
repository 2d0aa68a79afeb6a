package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certshim/certshim/test/cluster"
)

// refusals are the requests that the API server answered with 403, as a proxy between
// certshim and the server saw them; the proxy counts those that may write, too.
type refusals struct {
	// kubeconfig leads through the proxy.
	kubeconfig string

	mu       sync.Mutex
	messages []string
	writes   int
}

// listen puts a proxy before the API server until the end of the test.
func (d *deployed) listen(t *testing.T) *refusals {
	t.Helper()
	r := &refusals{}
	r.kubeconfig = d.proxied(t, nil, r.note)
	return r
}

func (r *refusals) note(response *http.Response) error {
	if response.Request.Method != http.MethodGet && response.Request.Method != http.MethodHead {
		r.mu.Lock()
		r.writes++
		r.mu.Unlock()
	}
	if response.StatusCode != http.StatusForbidden {
		return nil
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, messageOf(content))
	return nil
}

// written is how many requests were no reads.
func (r *refusals) written() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

// messageOf is the message of a Status; whatever else came stands for itself.
func messageOf(content []byte) string {
	var status metav1.Status
	if err := json.Unmarshal(content, &status); err != nil || status.Message == "" {
		return string(content)
	}
	return status.Message
}

// await waits until a request was refused for want of a permission.
func (r *refusals) await(t *testing.T, p permission) {
	t.Helper()
	if err := cluster.Poll(t.Context(), "the API server to refuse "+p.String(), func(context.Context) (bool, error) { return r.has(p), nil }); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		t.Errorf("%v; it refused: %q", err, r.messages)
	}
}

func (r *refusals) has(p permission) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, message := range r.messages {
		if strings.Contains(message, p.refusal()) {
			return true
		}
	}
	return false
}

// refusal is how the API server words the want of a permission. That to update finalizers
// is asked for by the admission of an owner reference.
func (p permission) refusal() string {
	if strings.HasSuffix(p.resource, "/finalizers") {
		return "cannot set blockOwnerDeletion"
	}
	return fmt.Sprintf("cannot %s resource %q in API group %q", p.verb, p.resource, p.group)
}
