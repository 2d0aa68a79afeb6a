// Package tables is a place for cert-manager's own test of its sync: TestTables puts it here
// while it runs, beside a recorder of the inputs.
package tables

import (
	"context"
	"encoding/json"
	"os"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/record"
	gwapi "sigs.k8s.io/gateway-api/apis/v1"

	clientset "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	cmlisters "github.com/cert-manager/cert-manager/pkg/client/listers/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	shim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim"
)

// What the tests use of the package that they were written in.
var (
	ingressV1GVK   = networkingv1.SchemeGroupVersion.WithKind("Ingress")
	gatewayGVK     = schema.GroupVersion(gwapi.GroupVersion).WithKind("Gateway")
	listenerSetGVK = schema.GroupVersion(gwapi.GroupVersion).WithKind("ListenerSet")
)

const applysetLabel = "applyset.kubernetes.io/part-of"

// SyncFnFor is the shim's, and writes every input down, one a line.
func SyncFnFor(
	recorder record.EventRecorder, log logr.Logger, client clientset.Interface, lister cmlisters.CertificateLister,
	options controller.IngressShimOptions, manager string,
) shim.SyncFn {
	sync := shim.SyncFnFor(recorder, log, client, lister, options, manager)
	return func(ctx context.Context, object metav1.Object) error {
		if err := write(object, lister, options); err != nil {
			return err
		}
		return sync(ctx, object)
	}
}

func write(object metav1.Object, lister cmlisters.CertificateLister, options controller.IngressShimOptions) error {
	certificates, err := lister.List(labels.Everything())
	if err != nil {
		return err
	}
	kind := "Ingress"
	switch object.(type) {
	case *gwapi.Gateway:
		kind = "Gateway"
	case *gwapi.ListenerSet:
		kind = "ListenerSet"
	}
	line, err := json.Marshal(map[string]any{"kind": kind, "source": object, "certificates": certificates, "options": options})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(os.Getenv("CERTSHIM_RECORD"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}
