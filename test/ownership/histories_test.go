package ownership

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/ownership"
	"github.com/certshim/certshim/test/cluster"
)

var (
	histories = flag.Int("histories", 300, "how many random histories are played")
	seed      = flag.Uint64("seed", 1, "the seed of the first history, which chooses the rows of the matrix, too; 0 stands for one that nobody knows before")
	sparing   = flag.Int("one-in", 4, "plays one row of the matrix in so many")
)

// pinned are seeds of histories that once failed. They begin with an entry of old, as the first of a run does.
var pinned = []uint64{
	730644806500, // a shim held labels as an empty map, and an apply of one conflicted with it
	77000000095,  // somebody holds labels that no reader sees, and nothing else
}

// steps is how long a history is.
const steps = 24

// Whoever wrote a Certificate before, what is foreseen of the next apply is the server's answer:
// its conflicts, the values and managedFields.
func TestAppliesAreForeseen(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 40)
	}
	t.Logf("%d histories of %d steps, from -seed %d on", *histories, steps, first)
	namespace := shared.Namespace(t)
	players := players{client: shared.Dynamic.Resource(cluster.Certificates()).Namespace(namespace), namespace: namespace, owners: owners(t, namespace)}
	aged := map[string]int{}
	for i := 0; i < *histories; i += oneIn {
		aged[fmt.Sprintf("h%d", i)] = i
	}
	for i := range pinned {
		aged[fmt.Sprintf("pinned%d", i)] = 0
	}
	players.age(t, aged)
	for i, seed := range pinned {
		players.plays(t, seed, fmt.Sprintf("pinned%d", i))
	}
	numbers := make(chan int)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range numbers {
				players.plays(t, first+uint64(i), fmt.Sprintf("h%d", i))
			}
		})
	}
	for i := range *histories {
		numbers <- i
	}
	close(numbers)
	group.Wait()
	t.Log(players.tally.String())
	players.tally.check(t, *histories)
}

// tally counts what happened in all histories.
type tally struct {
	applies, conflicts, refused, unserved, noops, invisible, settled atomic.Int64
}

func (c *tally) String() string {
	return fmt.Sprintf("%d applies: %d conflicts, %d refused by validation, %d in versions that aren't served, %d that wrote nothing, "+
		"%d that wrote what no reader sees; %d settled as certshim does",
		c.applies.Load(), c.conflicts.Load(), c.refused.Load(), c.unserved.Load(), c.noops.Load(), c.invisible.Load(), c.settled.Load())
}

// check fails if the histories were so tame that they prove nothing.
func (c *tally) check(t *testing.T, histories int) {
	least := int64(histories)
	if histories >= 100 && (c.applies.Load() < 8*least || c.conflicts.Load() < least || c.noops.Load() < least/4 || c.unserved.Load() < least/20 || c.settled.Load() < least) {
		t.Errorf("too little happened in %d histories", histories)
	}
}

// players play histories, each on a Certificate of its own.
type players struct {
	client    dynamic.ResourceInterface
	namespace string
	owners    []any
	tally     tally
}

// plays plays one history. One that fails is played again with fewer steps, to show the fewest
// that fail.
func (p *players) plays(t *testing.T, seed uint64, name string) {
	history := historyOf(seed)
	err := p.play(t.Context(), seed, history, name)
	if err == nil {
		return
	}
	shrunk, last := history, err
	for i := 0; i < len(shrunk); {
		shorter := slices.Delete(slices.Clone(shrunk), i, i+1)
		if again := p.play(t.Context(), seed, shorter, fmt.Sprintf("%s-%d-%d", name, len(shrunk), i)); again != nil {
			shrunk, last = shorter, again
			continue
		}
		i++
	}
	t.Errorf("-seed %d -histories 1: %v\nin the steps\n%s", seed, last, strings.Join(names(shrunk), "\n"))
}

// step is something that somebody does to a Certificate. What it does depends on its own seed alone, so that it
// stays the same when others are left out.
type step struct {
	name string
	seed uint64
	does func(ctx context.Context, h *history, r *rand.Rand) error
}

func names(steps []step) []string {
	out := make([]string, len(steps))
	for i, s := range steps {
		out[i] = fmt.Sprintf("%s (%d)", s.name, s.seed)
	}
	return out
}

// historyOf is the history of a seed.
func historyOf(seed uint64) []step {
	r := rand.New(rand.NewPCG(seed, 7))
	all := []step{
		{name: "certshim applies", does: appliesAs("certshim")}, {name: "certshim applies", does: appliesAs("certshim")},
		{name: "helm applies", does: appliesAs("helm")}, {name: "argocd-controller applies", does: appliesAs("argocd-controller")},
		{name: "certshim applies the same again", does: appliesAgain}, {name: "certshim applies the same again", does: appliesAgain},
		{name: "certshim settles", does: settles}, {name: "certshim settles", does: settles},
		{name: "kubectl-edit updates", does: updatesAs("kubectl-edit")}, {name: "manager updates", does: updatesAs("manager")},
		{name: "cert-manager-ingress-shim updates", does: updatesAs("cert-manager-ingress-shim")},
		{name: "the status is written", does: writesStatus}, {name: "managedFields are cleared", does: clears},
		{name: "an entry is moved to certshim", does: moves},
	}
	out := make([]step, steps)
	for i := range out {
		out[i] = all[r.IntN(len(all))]
		out[i].seed = r.Uint64()
	}
	return out
}

// history is one that is being played.
type history struct {
	target
	owners []any
	tally  *tally
	// last is what certshim has applied last.
	last map[string]any
}

// play plays a history on a new Certificate, which certshim has applied or cert-manager's shim made.
func (p *players) play(ctx context.Context, seed uint64, all []step, name string) error {
	h := &history{target: target{p.client, name}, owners: p.owners, tally: &p.tally}
	first := h.config(rand.New(rand.NewPCG(seed, 0)), true)
	if err := h.make(ctx, first, seed%2 == 0); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	for i, s := range all {
		if err := s.does(ctx, h, rand.New(rand.NewPCG(s.seed, 0))); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s.name, err)
		}
	}
	return p.client.Delete(ctx, name, metav1.DeleteOptions{})
}

// make makes the Certificate, unless it was made with an entry of old.
func (h *history) make(ctx context.Context, first map[string]any, byShim bool) error {
	_, err := h.get(ctx)
	if !apierrors.IsNotFound(err) {
		return err
	}
	if byShim {
		_, err = h.client.Create(ctx, &unstructured.Unstructured{Object: first}, metav1.CreateOptions{FieldManager: "cert-manager-ingress-shim"})
		return err
	}
	_, err = h.apply(ctx, first, "certshim", false)
	return err
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// pool are values to set, few enough that several writers often mean the same.
func (h *history) pool() map[string][]any {
	return map[string][]any{
		"spec/duration": {"1h0m0s", "2h0m0s"}, "spec/commonName": {"a.example.com", ""}, "spec/isCA": {true, false},
		"spec/dnsNames": {[]any{"a.example.com"}, []any{"a.example.com", "b.example.com"}, []any{}},
		"spec/usages":   {[]any{"server auth"}, []any{"client auth", "server auth"}}, "spec/revisionHistoryLimit": {int64(1), int64(2)},
		"spec/issuerRef/kind": {"Issuer", "ClusterIssuer"}, "spec/issuerRef/group": {"cert-manager.io", "example.com"},
		"spec/privateKey/algorithm": {"RSA", "ECDSA"}, "spec/privateKey/size": {int64(256), int64(2048)}, "spec/privateKey": {map[string]any{}},
		"spec/subject/countries": {[]any{"DE"}, []any{}}, "spec/subject/serialNumber": {"1", "2"}, "spec/subject": {map[string]any{}},
		"spec/secretTemplate/labels/team": {"a", "b"}, "spec/secretTemplate/labels": {map[string]any{}},
		"spec/secretTemplate/annotations/example.com~1a.b": {"1", "2"}, "spec/secretTemplate": {map[string]any{}},
		"spec/nameConstraints/permitted/dnsDomains": {[]any{"x"}, []any{"y"}}, "spec/keystores": {map[string]any{}},
		"metadata/labels/team": {"a", "b"}, "metadata/labels/app.kubernetes.io~1name": {"web", "shop"},
		"metadata/annotations/example.com~1a": {"1", "2"}, "metadata/finalizers": {[]any{"example.com/x"}},
		"metadata/ownerReferences": h.owners,
	}
}

// owners are lists of one owner reference each, to objects that exist: the garbage collector takes Certificates of
// others along.
func owners(t *testing.T, namespace string) []any {
	var lists []any
	for _, made := range shared.Apply(t, namespace, "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n") {
		for _, blocks := range []bool{true, false} {
			lists = append(lists, []any{map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "name": made.GetName(), "uid": string(made.GetUID()), "blockOwnerDeletion": blocks,
			}})
		}
	}
	return lists
}

// config is an apply configuration, with what the CRD requires or of some fields alone.
func (h *history) config(r *rand.Rand, complete bool) map[string]any {
	out := map[string]any{"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": h.name}}
	if complete {
		put(out, "spec/secretName", pick[any](r, h.name, h.name, "other"))
		put(out, "spec/issuerRef/name", pick[any](r, "ca", "ca", "other"))
	}
	values := h.pool()
	paths := slices.Sorted(keys(values))
	for range r.IntN(8) {
		path := pick(r, paths...)
		// Empty maps and finalizers of metadata aren't certshim's to send, and a finalizer would keep the object.
		if path != "metadata/finalizers" {
			put(out, path, pick(r, values[path]...))
		}
	}
	return out
}

func keys(of map[string][]any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range of {
			if !yield(key) {
				return
			}
		}
	}
}

// put sets a value, as a JSON pointer names it. What is set deeper already stays.
func put(object map[string]any, pointer string, value any) {
	elements := strings.Split(pointer, "/")
	for _, element := range elements[:len(elements)-1] {
		inner, isMap := object[element].(map[string]any)
		if !isMap {
			inner = map[string]any{}
			object[element] = inner
		}
		object = inner
	}
	last := strings.ReplaceAll(elements[len(elements)-1], "~1", "/")
	if inner, isMap := object[last].(map[string]any); isMap && len(inner) > 0 {
		return
	}
	object[last] = runtime.DeepCopyJSONValue(value)
}

// updatesAs sets or removes one field.
func updatesAs(manager string) func(context.Context, *history, *rand.Rand) error {
	return func(ctx context.Context, h *history, r *rand.Rand) error {
		values, body := h.pool(), map[string]any{}
		path := pick(r, slices.Sorted(keys(values))...)
		if value := pick(r, append(values[path], nil)...); path != "metadata/finalizers" {
			put(body, path, value)
		}
		_, err := h.merge(ctx, body, manager)
		if apierrors.IsInvalid(err) {
			return nil
		}
		return err
	}
}

func writesStatus(ctx context.Context, h *history, r *rand.Rand) error {
	manager := pick(r, "cert-manager-certificates-readiness", "cert-manager-certificates-trigger")
	_, err := h.merge(ctx, map[string]any{"status": map[string]any{
		"revision":   int64(r.IntN(3) + 1),
		"conditions": []any{map[string]any{"type": pick(r, "Ready", "Issuing"), "status": pick(r, "True", "False")}},
	}}, manager, "status")
	return err
}

func clears(ctx context.Context, h *history, _ *rand.Rand) error {
	_, err := h.merge(ctx, map[string]any{"metadata": map[string]any{"managedFields": []any{map[string]any{}}}}, "certshim")
	return err
}

// moves makes an entry of another certshim's, as csaupgrade does.
func moves(ctx context.Context, h *history, r *rand.Rand) error {
	return h.changesEntry(ctx, r, func(entry map[string]any) bool {
		if entry["subresource"] != nil {
			return false
		}
		entry["manager"], entry["operation"] = "certshim", "Apply"
		return true
	})
}

func (h *history) changesEntry(ctx context.Context, r *rand.Rand, change func(entry map[string]any) bool) error {
	live, err := h.get(ctx)
	if err != nil {
		return err
	}
	metadata := live["metadata"].(map[string]any)
	entries, _ := metadata["managedFields"].([]any)
	if len(entries) == 0 || !change(entries[r.IntN(len(entries))].(map[string]any)) {
		return nil
	}
	_, err = h.record(ctx, entries, metadata["resourceVersion"].(string))
	return err
}

// appliesAs applies, and compares with what was foreseen.
func appliesAs(manager string) func(context.Context, *history, *rand.Rand) error {
	return func(ctx context.Context, h *history, r *rand.Rand) error {
		return h.applies(ctx, h.config(r, manager == "certshim" || r.IntN(3) == 0), manager, r.IntN(2) == 0)
	}
}

func appliesAgain(ctx context.Context, h *history, _ *rand.Rand) error {
	if h.last == nil {
		return nil
	}
	return h.applies(ctx, h.last, "certshim", false)
}

func (h *history) applies(ctx context.Context, config map[string]any, manager string, force bool) error {
	live, err := h.get(ctx)
	if err != nil {
		return err
	}
	h.tally.applies.Add(1)
	foreseen, cannot := ownership.Predict(live, config, manager, force)
	now, err := h.apply(ctx, config, manager, force)
	switch {
	case cannot != nil:
		h.tally.unserved.Add(1)
		return h.heals(ctx, live, cannot, err)
	case apierrors.IsInvalid(err):
		h.tally.refused.Add(1)
		return nil
	case err != nil || len(foreseen.Conflicts) > 0:
		h.tally.conflicts.Add(1)
		return sameConflicts(foreseen.Conflicts, err)
	case manager == "certshim":
		h.last = config
	}
	return h.became(live, now, foreseen)
}

// heals checks that the server fails too, and heals the Certificate.
func (h *history) heals(ctx context.Context, live map[string]any, cannot, err error) error {
	if err == nil || apierrors.IsConflict(err) || apierrors.IsInvalid(err) {
		return fmt.Errorf("it was foreseen to fail: %w; and the server answers %w", cannot, err)
	}
	patch := ownership.Of(ownership.Input{Live: live}).Heal
	if patch == nil {
		return fmt.Errorf("there is nothing to heal, and the server answers %w", err)
	}
	_, err = h.patch(ctx, "application/json-patch+json", patch, metav1.PatchOptions{FieldManager: "certshim"})
	return err
}

// became compares the server's answer with what was foreseen.
func (h *history) became(live, now map[string]any, foreseen ownership.Prediction) error {
	if diff := cmp.Diff(content(foreseen.Object), content(now)); diff != "" {
		return fmt.Errorf("values (-foreseen +now):\n%s", diff)
	}
	a, errA := entriesOf(foreseen.Object)
	b, errB := entriesOf(now)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if diff := cmp.Diff(a, b); diff != "" {
		return fmt.Errorf("managedFields (-foreseen +now):\n%s", diff)
	}
	version := fieldpath.MakePathOrDie("metadata", "resourceVersion")
	wrote := certificate.Lookup(live, version) != certificate.Lookup(now, version)
	switch {
	case foreseen.Writes && !wrote:
		return errors.New("it was foreseen to write, and didn't")
	case wrote && !foreseen.Writes:
		h.tally.invisible.Add(1) // labels: null, which is stored and which no reader sees
	case !wrote:
		h.tally.noops.Add(1)
	}
	return nil
}

// settles does what certshim does about a Certificate of its own, and compares.
func settles(ctx context.Context, h *history, r *rand.Rand) error {
	asked, choice := h.config(r, true), choiceOf(r)
	live, err := h.get(ctx)
	if err != nil {
		return err
	}
	foreseen, cannot := ownership.Next(live, asked, choice)
	if cannot != nil {
		return fmt.Errorf("it can't be foreseen: %w", cannot)
	}
	now, err := h.settle(ctx, runtime.DeepCopyJSON(live), asked, choice)
	switch {
	case apierrors.IsInvalid(err):
		h.tally.refused.Add(1)
		return nil
	case err != nil || len(foreseen.Conflicts) > 0:
		return fmt.Errorf("what is settled conflicts: %v, %w", foreseen.Conflicts, err)
	}
	h.tally.settled.Add(1)
	return h.became(live, now, foreseen)
}

// choiceOf is what an operator may decide about fields that others hold.
func choiceOf(r *rand.Rand) (c certificate.Choice) {
	for range r.IntN(3) {
		c.Rules = append(c.Rules, certificate.OwnershipRule{
			Managers: pick(r, nil, []string{"helm"}, []string{"kubectl*"}), Operations: pick(r, nil, []string{"Apply"}),
			Then: pick(r, certificate.Force, certificate.Yield, certificate.Yield, certificate.Fail),
		})
	}
	return c
}

// sameConflicts compares the conflicts of an answer with those that were foreseen.
func sameConflicts(foreseen []certificate.Conflict, err error) error {
	var got []certificate.Conflict
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			rest, isConflict := strings.CutPrefix(cause.Message, "conflict with ")
			if !isConflict {
				continue
			}
			quoted, _ := strconv.QuotedPrefix(rest)
			manager, _ := strconv.Unquote(quoted)
			operation := "Apply"
			if strings.Contains(rest[len(quoted):], " using ") {
				operation = "Update"
			}
			got = append(got, certificate.Conflict{Field: cause.Field, Manager: manager, Operation: operation})
		}
	}
	slices.SortFunc(got, func(a, b certificate.Conflict) int {
		return strings.Compare(a.Field+"\x00"+a.Manager+"\x00"+a.Operation, b.Field+"\x00"+b.Manager+"\x00"+b.Operation)
	})
	if diff := cmp.Diff(foreseen, got); diff != "" {
		return fmt.Errorf("conflicts (-foreseen +now):\n%s\nof %w", diff, err)
	}
	return nil
}
