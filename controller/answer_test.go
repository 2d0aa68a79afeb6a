package controller

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func status(code int32, message string, causes ...metav1.StatusCause) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Message: message, Details: &metav1.StatusDetails{Causes: causes}}}
}

func TestRead(t *testing.T) {
	const user = `certificates.cert-manager.io "a" is forbidden: User "system:serviceaccount:x:y" cannot patch resource "certificates"`
	tests := map[string]struct {
		err  error
		want answer
	}{
		"no error":               {nil, done},
		"field conflict":         {status(409, "conflict", metav1.StatusCause{Type: metav1.CauseTypeFieldManagerConflict}), conflict},
		"exists":                 {status(409, "the object has been modified"), outdated},
		"replaced":               {status(422, "invalid", metav1.StatusCause{Field: "metadata.uid"}), outdated},
		"invalid":                {status(422, "invalid", metav1.StatusCause{Field: "spec.secretName"}), refused},
		"bad request":            {status(400, "bad"), refused},
		"too large":              {status(413, "large"), refused},
		"too large for etcd":     {status(500, "etcdserver: request is too large"), refused},
		"denied by a webhook":    {status(403, `admission webhook "w" denied the request: no`), refused},
		"quota":                  {status(403, `certificates.cert-manager.io "a" is forbidden: exceeded quota: q`), refused},
		"no permission":          {status(403, user), forbidden},
		"namespace goes away":    {status(403, "terminating", metav1.StatusCause{Type: corev1.NamespaceTerminatingCause}), terminating},
		"CRD goes away":          {status(403, "create not allowed while custom resource definition is terminating"), failed},
		"webhook doesn't answer": {status(500, `Internal error occurred: failed calling webhook "w": connection refused`), webhookDown},
		"unknown field":          {status(500, "failed to create typed patch object (a/b; cert-manager.io/v1): .spec.x: field not declared in schema"), refused},
		"unserved version":       {status(500, "request to convert CR to an invalid group/version: cert-manager.io/v1alpha2"), refused},
		"server error":           {status(500, "etcd is slow"), failed},
		"too many requests":      {status(429, "slow down"), failed},
		"not found":              {status(404, "namespaces not found"), failed},
		"no answer":              {errors.New("connection refused"), failed},
	}
	for name, tt := range tests {
		if got := read(tt.err); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
