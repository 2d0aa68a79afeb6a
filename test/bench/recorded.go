package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/test/cluster"
)

// recordPair is an Ingress with an address, and its Certificate as certshim made it and cert-manager issued it.
func recordPair(ctx context.Context) (source, made []byte, err error) {
	object := ingress(recordedNamespace, "web-"+recordedNumber)
	identify(object, "11111111-1111-4111-8111-00000"+recordedNumber)
	if source, err = withStatus(object, exposedStatus); err != nil {
		return nil, nil, err
	}
	wanted, err := wantedOf(ctx, source)
	if err != nil {
		return nil, nil, err
	}
	ours := managed(certificate.FieldManager, metav1.ManagedFieldsOperationApply, "", owned(wanted))
	identify(wanted, "22222222-2222-4222-8222-00000"+recordedNumber)
	wanted.SetGeneration(1)
	var status map[string]any
	if err := json.Unmarshal([]byte(issuedStatus), &status); err != nil {
		return nil, nil, err
	}
	theirs := managed("cert-manager-certificates-issuing", metav1.ManagedFieldsOperationUpdate, "status", fieldsOf(status))
	if err := unstructured.SetNestedSlice(wanted.Object, []any{ours, theirs}, "metadata", "managedFields"); err != nil {
		return nil, nil, err
	}
	made, err = withStatus(wanted, issuedStatus)
	return source, made, err
}

// identify gives an object what the API server gives every object.
func identify(object *unstructured.Unstructured, uid string) {
	object.SetUID(types.UID(uid))
	object.SetResourceVersion(recordedNumber)
	object.SetCreationTimestamp(metav1.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
}

func withStatus(object *unstructured.Unstructured, status string) ([]byte, error) {
	if err := json.Unmarshal([]byte(status), &object.Object); err != nil {
		return nil, err
	}
	return json.Marshal(object.Object)
}

// wantedOf is the Certificate that certshim would make for an Ingress.
func wantedOf(ctx context.Context, source []byte) (*unstructured.Unstructured, error) {
	program, err := cluster.Binary("certshim")
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, "plan", "-f", "-", "-o", "json")
	command.Stdin = bytes.NewReader(source)
	printed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("plan the recorded Ingress: %w", err)
	}
	var list unstructured.UnstructuredList
	if err := json.Unmarshal(printed, &list); err != nil {
		return nil, err
	}
	if len(list.Items) != 1 {
		return nil, fmt.Errorf("the recorded Ingress leads to %d Certificates, not to one:\n%s", len(list.Items), printed)
	}
	return &list.Items[0], nil
}

// managed is an entry of managedFields.
func managed(manager string, operation metav1.ManagedFieldsOperationType, subresource string, fields map[string]any) map[string]any {
	return map[string]any{
		"manager": manager, "operation": string(operation), "subresource": subresource, "apiVersion": "cert-manager.io/v1",
		"time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": fields,
	}
}

// owned are the fields of a Certificate that was applied, which has no annotations.
func owned(object *unstructured.Unstructured) map[string]any {
	owners := map[string]any{}
	for _, owner := range object.GetOwnerReferences() {
		owners[fmt.Sprintf("k:{\"uid\":%q}", owner.UID)] = map[string]any{}
	}
	fields := fieldsOf(map[string]any{"spec": object.Object["spec"]})
	labels := map[string]any{}
	for key := range object.GetLabels() {
		labels["f:"+key] = map[string]any{}
	}
	fields["f:metadata"] = map[string]any{"f:labels": labels, "f:ownerReferences": owners}
	return fields
}

// fieldsOf are the fields of an object whose lists are atomic.
func fieldsOf(values map[string]any) map[string]any {
	fields := map[string]any{}
	for name, value := range values {
		inner, _ := value.(map[string]any)
		fields["f:"+name] = fieldsOf(inner)
	}
	return fields
}
