package app

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certshim/certshim/doctor"
)

// certManagerElects is the namespace of cert-manager's Lease, unless its flags name another.
const certManagerElects = "kube-system"

var leases = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}

// certManagerLeases are those of all of cert-manager's controllers; of the one that was looked at alone where Leases of
// other namespaces may not be read.
func (e *examination) certManagerLeases(ctx context.Context) ([]doctor.Lease, error) {
	items, err := e.list(ctx, leases, metav1.NamespaceAll, metav1.ListOptions{FieldSelector: "metadata.name=" + doctor.CertManagerLease})
	if apierrors.IsForbidden(err) {
		items, err = e.leaseOfController(ctx)
	}
	var all []doctor.Lease
	for _, item := range items {
		var lease coordinationv1.Lease
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(item.Object, &lease); err != nil {
			return nil, err
		}
		all = append(all, leaseOf(&lease))
	}
	return all, err
}

// leaseOfController reads the one of the controller that was looked at.
func (e *examination) leaseOfController(ctx context.Context) ([]unstructured.Unstructured, error) {
	namespace := certManagerElects
	for _, d := range e.seen.CertManager.Value {
		if d.LeaseNamespace != "" {
			namespace = d.LeaseNamespace
		}
	}
	item, err := e.client.Resource(leases).Namespace(namespace).Get(ctx, doctor.CertManagerLease, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []unstructured.Unstructured{*item}, nil
}

func leaseOf(lease *coordinationv1.Lease) doctor.Lease {
	holder := ""
	if lease.Spec.HolderIdentity != nil {
		holder = *lease.Spec.HolderIdentity
	}
	seen := doctor.Lease{Name: lease.Namespace + "/" + lease.Name, Holder: holder, Held: holds(lease, time.Now())}
	if acquired := lease.Spec.AcquireTime; acquired != nil {
		seen.Acquired = acquired.Time
	}
	return seen
}

// hosts are the host names of a Deployment's Pods, by which they sign Leases.
func (e *examination) hosts(ctx context.Context, deployment unstructured.Unstructured) (hosts []string, err error) {
	items, err := e.podsOf(ctx, deployment)
	for _, item := range items {
		hosts = append(hosts, hostOf(item))
	}
	return hosts, err
}

// hostOf is the host name of a Pod: that of its node in the node's network.
func hostOf(pod unstructured.Unstructured) string {
	if shared, _, _ := unstructured.NestedBool(pod.Object, "spec", "hostNetwork"); shared {
		node, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName")
		return node
	}
	return pod.GetName()
}
