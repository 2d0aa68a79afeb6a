package cluster

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
)

// apiRequest is one request as a server reads it.
type apiRequest struct {
	method, path, query, contentType, body string
}

// recordingWriter is a [Writer] whose server notes the last request, and answers with a Certificate.
func recordingWriter(t *testing.T, got *apiRequest) Writer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = apiRequest{r.Method, r.URL.Path, r.URL.Query().Encode(), r.Header.Get("Content-Type"), string(body)}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion":"cert-manager.io/v1","kind":"Certificate","metadata":{"name":"tls","resourceVersion":"8"}}`)
	}))
	t.Cleanup(server.Close)
	writer, err := connected(t, server.URL).Writer()
	if err != nil {
		t.Fatal(err)
	}
	return writer
}

// TestWhatAnApplyAsksForIsCheapForTheServer holds what the requests are made of: that they
// work is tried on a real server.
func TestWhatAnApplyAsksForIsCheapForTheServer(t *testing.T) {
	var got apiRequest
	writer := recordingWriter(t, &got)
	config := map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
		"metadata": map[string]any{"name": "tls", "namespace": "web"},
		"spec":     map[string]any{"secretName": "tls", "dnsNames": []any{"a.example.com", "b.example.com"}},
	}
	name := types.NamespacedName{Namespace: "web", Name: "tls"}
	if version, err := writer.Apply(t.Context(), name, config, CreateOnly(), false); err != nil || version != "8" {
		t.Fatalf("%v, the resourceVersion is %q", err, version)
	}
	lines := strings.Split(got.body, "\n")
	for _, line := range []string{`"secretName": "tls"`, `"a.example.com",`, `"resourceVersion": "1"`} {
		if !slices.Contains(lines, line) {
			t.Errorf("no line of the body is %s:\n%s", line, got.body)
		}
	}
	got.body = ""
	want := apiRequest{
		http.MethodPatch, "/apis/cert-manager.io/v1/namespaces/web/certificates/tls",
		"fieldManager=certshim&fieldValidation=Ignore", "application/apply-patch+yaml", "",
	}
	if got != want {
		t.Errorf("sent is %+v, want %+v", got, want)
	}

	guard := certificate.Guard{UID: "u", ResourceVersion: "7"}
	if _, err := writer.Apply(t.Context(), name, config, guard, true); err != nil || !strings.Contains(got.query, "force=true") {
		t.Errorf("by force: %v, sent is %+v", err, got)
	}
	for _, guard := range []certificate.Guard{{}, {UID: "u"}, {ResourceVersion: "7"}} {
		got = apiRequest{}
		if _, err := writer.Apply(t.Context(), name, config, guard, true); err == nil || got.method != "" {
			t.Errorf("by force, guarded only by %+v: %v, sent is %+v", guard, err, got)
		}
	}
}

// A deletion is of one object in one state: what somebody has made anew or changed meanwhile stays. A
// guard without a resourceVersion is about the object alone.
func TestADeletionIsOfOneObjectInOneState(t *testing.T) {
	var got apiRequest
	writer := recordingWriter(t, &got)
	for _, guard := range []certificate.Guard{{UID: "u", ResourceVersion: "7"}, {UID: "u"}} {
		if err := writer.Delete(t.Context(), types.NamespacedName{Namespace: "web", Name: "tls"}, guard); err != nil {
			t.Fatal(err)
		}
		var sent struct{ Preconditions map[string]string }
		if err := json.Unmarshal([]byte(got.body), &sent); err != nil {
			t.Fatalf("%v: %s", err, got.body)
		}
		want := map[string]string{"uid": guard.UID}
		if guard.ResourceVersion != "" {
			want["resourceVersion"] = guard.ResourceVersion
		}
		if diff := cmp.Diff(want, sent.Preconditions); diff != "" || got.method != http.MethodDelete {
			t.Errorf("%s, preconditions (-want +got):\n%s", got.method, diff)
		}
	}
}

func TestGuardsLeaveTheConfigurationAlone(t *testing.T) {
	config := map[string]any{"metadata": map[string]any{"name": "tls"}}
	got := guarded(config, certificate.Guard{UID: "u", ResourceVersion: "1"})
	want := map[string]any{"metadata": map[string]any{"name": "tls", "uid": "u", "resourceVersion": "1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)", diff)
	}
	if diff := cmp.Diff(map[string]any{"metadata": map[string]any{"name": "tls"}}, config); diff != "" {
		t.Error("changed: (-want +got)", diff)
	}
}

// An answer that begins and never ends is no answer: the worker that waits for it must go on.
func TestAnAnswerThatNeverEndsIsGivenUp(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	defer server.Close()
	defer close(over)
	made, err := connected(t, server.URL).Writer()
	if err != nil {
		t.Fatal(err)
	}
	writer := made.(dynamicWriter)
	writer.bounded = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 10*time.Millisecond)
	}
	name := types.NamespacedName{Namespace: "shop", Name: "tls"}
	for what, send := range map[string]func() error{
		"get": func() error { _, err := writer.Get(t.Context(), name); return err },
		"apply": func() error {
			_, err := writer.Apply(t.Context(), name, map[string]any{}, CreateOnly(), false)
			return err
		},
		"patch":  func() error { _, err := writer.Patch(t.Context(), name, []byte("[]")); return err },
		"delete": func() error { return writer.Delete(t.Context(), name, certificate.Guard{UID: "u"}) },
	} {
		if answer := AnswerOf(send()); answer != Failed {
			t.Errorf("%s: %s, want it to have failed, so that it is tried again", what, answer)
		}
	}
}
