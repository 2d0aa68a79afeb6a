package reports

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cluster"
)

// digest stands for what a report holds.
type digest [sha256.Size]byte

// digestOf is over the fields that we write; the rest is the API server's.
func digestOf(object map[string]any) digest {
	content := map[string]any{}
	for _, field := range []string{"source", "scope", "summary", "results"} {
		content[field] = object[field]
	}
	text, _ := json.Marshal(content) // it came from JSON, or could go there
	return sha256.Sum256(text)
}

// errNotOurs is that of a report of our name that somebody else made.
var errNotOurs = errors.New("there is a report of that name without the label " + managedBy + ": " + source + ", which is left alone")

// write makes a report be as it should. It reports whether it had to be written.
func (k *Keeper) write(ctx context.Context, namespace string, object map[string]any) (written bool, err error) {
	name := types.NamespacedName{Namespace: namespace, Name: reportName}
	guard, live, err := k.read(ctx, name)
	if err != nil {
		return false, err
	}
	if live == nil {
		_, err = k.writer.Apply(ctx, name, object, cluster.CreateOnly(), false)
		return err == nil, err
	}
	if digestOf(live) == digestOf(object) {
		return false, nil
	}
	_, err = k.writer.Apply(ctx, name, object, guard, true)
	return err == nil, err
}

// remove deletes the report of a namespace without Certificates.
func (k *Keeper) remove(ctx context.Context, namespace string) error {
	name := types.NamespacedName{Namespace: namespace, Name: reportName}
	guard, live, err := k.read(ctx, name)
	if live != nil && err == nil {
		err = k.writer.Delete(ctx, name, guard)
	}
	if err == nil || errors.Is(err, errNotOurs) {
		delete(k.reports, namespace)
		return nil
	}
	return err
}

// read reads a report of ours, in its turn; it is nil if there is none.
func (k *Keeper) read(ctx context.Context, name types.NamespacedName) (certificate.Guard, map[string]any, error) {
	if err := k.limit.Wait(ctx); err != nil {
		return certificate.Guard{}, nil, err
	}
	content, err := k.writer.Get(ctx, name)
	if apierrors.IsNotFound(err) {
		return certificate.Guard{}, nil, nil
	}
	if err != nil {
		return certificate.Guard{}, nil, err
	}
	live := unstructured.Unstructured{Object: content}
	if live.GetLabels()[managedBy] != source {
		return certificate.Guard{}, nil, errNotOurs
	}
	return certificate.Guard{UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion()}, content, nil
}

// answerOf says what the error of a write means.
func answerOf(err error) cluster.Answer {
	if errors.Is(err, errNotOurs) {
		return cluster.Refused
	}
	return cluster.AnswerOf(err)
}

// endsLook logs what failed, and reports whether it would for every other namespace, too.
func (k *Keeper) endsLook(namespace string, err error) bool {
	if err == nil {
		return false
	}
	k.tell(namespace, err)
	switch answerOf(err) {
	case cluster.Forbidden, cluster.Unsent, cluster.Failed, cluster.WebhookDown:
		return true
	default:
		return false
	}
}

// tell logs an error, and none of its like until all went well again. What ends by itself isn't told.
func (k *Keeper) tell(namespace string, err error) {
	answer := answerOf(err)
	passing := []cluster.Answer{cluster.Conflict, cluster.Outdated, cluster.Terminating, cluster.Unsent}
	if slices.Contains(passing, answer) {
		return
	}
	if k.failed[answer] {
		return
	}
	k.failed[answer] = true
	k.Log.Warn("a report of fields can't be kept", "kind", k.kind, "namespace", namespace, "error", err)
}
