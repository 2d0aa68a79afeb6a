package ownership

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/test/cluster"
)

// shared is the cluster of all tests: an API server with cert-manager's CRDs, and nobody who acts.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ownership:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	shared, err = cluster.StartMain(context.Background(), cluster.WithoutCertManager(), cluster.WithoutWebhook(), cluster.WithoutGatewayAPI())
	if err != nil {
		return 1, fmt.Errorf("start the cluster: %w", err)
	}
	defer func() {
		if stopErr := shared.Stop(); err == nil {
			err = stopErr
		}
	}()
	return m.Run(), nil
}

// target is one Certificate on the server.
type target struct {
	client dynamic.ResourceInterface
	name   string
}

func (t target) get(ctx context.Context) (map[string]any, error) {
	u, err := t.client.Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return u.Object, nil
}

// patch sends a patch, of the main resource or a subresource.
func (t target) patch(ctx context.Context, kind types.PatchType, body any, options metav1.PatchOptions, subresources ...string) (map[string]any, error) {
	text, isText := body.([]byte)
	if !isText {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	u, err := t.client.Patch(ctx, t.name, kind, text, options, subresources...)
	if err != nil {
		return nil, err
	}
	return u.Object, nil
}

func (t target) apply(ctx context.Context, config map[string]any, manager string, force bool) (map[string]any, error) {
	return t.patch(ctx, types.ApplyPatchType, config, metav1.PatchOptions{FieldManager: manager, Force: &force})
}

// merge changes fields by a JSON merge patch.
func (t target) merge(ctx context.Context, body any, manager string, subresources ...string) (map[string]any, error) {
	return t.patch(ctx, types.MergePatchType, body, metav1.PatchOptions{FieldManager: manager}, subresources...)
}

// record replaces managedFields, as whoever takes fields over does.
func (t target) record(ctx context.Context, entries any, resourceVersion string) (map[string]any, error) {
	return t.patch(ctx, types.JSONPatchType, []any{
		map[string]any{"op": "add", "path": "/metadata/managedFields", "value": entries},
		map[string]any{"op": "replace", "path": "/metadata/resourceVersion", "value": resourceVersion},
	}, metav1.PatchOptions{FieldManager: certificate.FieldManager})
}

// settle does what certshim does about a Certificate of its own.
func (t target) settle(ctx context.Context, live, asked map[string]any, choice certificate.Choice) (map[string]any, error) {
	s := certificate.Settle(asked, live, choice)
	if s.Fails() {
		return live, nil
	}
	if entries := s.ManagedFields(); entries != nil {
		metadata := live["metadata"].(map[string]any)
		if _, err := t.record(ctx, entries, metadata["resourceVersion"].(string)); err != nil {
			return nil, fmt.Errorf("take over: %w", err)
		}
	}
	return t.apply(ctx, s.Config(), certificate.FieldManager, s.Force())
}

// entriesOf are the entries of managedFields without times, as comparable lines.
func entriesOf(object map[string]any) ([]string, error) {
	metadata, _ := object["metadata"].(map[string]any)
	items, _ := metadata["managedFields"].([]any)
	var lines []string
	for _, item := range items {
		entry, _ := item.(map[string]any)
		text, err := json.Marshal(entry["fieldsV1"])
		if err != nil {
			return nil, err
		}
		set := fieldpath.NewSet()
		if err := set.FromJSON(strings.NewReader(string(text))); err != nil {
			return nil, err
		}
		if set = set.Difference(unseen(metadata)); set.Empty() {
			continue
		}
		lines = append(lines, fmt.Sprintf("%q %v %v %v: %s", entry["manager"], entry["operation"], entry["apiVersion"], entry["subresource"], set))
	}
	slices.Sort(lines)
	return lines, nil
}

// unseen are the containers that an object's metadata doesn't show: where the last of its labels, say, goes by
// an apply while an Update entry owns the container, the server stores null, which no reader sees.
func unseen(metadata map[string]any) *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, name := range []string{"labels", "annotations", "ownerReferences", "finalizers"} {
		if metadata[name] == nil {
			set.Insert(fieldpath.MakePathOrDie("metadata", name))
		}
	}
	return set
}
