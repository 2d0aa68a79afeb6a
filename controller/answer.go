package controller

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// answer is what the API server's answer to a write means for who acts next.
type answer string

const (
	// done: it was written.
	done answer = "done"
	// conflict: another manager holds a field. Read it live and decide again.
	conflict answer = "conflict"
	// outdated: the object is another than the cache said. Decide again from newer.
	outdated answer = "outdated"
	// refused: what was sent can't be accepted. Its author acts next.
	refused answer = "refused"
	// terminating: the namespace is going away. Nobody acts.
	terminating answer = "terminating"
	// webhookDown: an admission webhook doesn't answer.
	webhookDown answer = "webhook-down"
	// forbidden: this process lacks a permission. The operator acts next.
	forbidden answer = "forbidden"
	// failed: anything that may be better next time.
	failed answer = "failed"
)

func answers() []answer {
	return []answer{done, conflict, outdated, refused, terminating, webhookDown, forbidden, failed}
}

// read sorts an error of the API server.
func read(err error) answer {
	message := ""
	if err != nil {
		message = err.Error()
	}
	switch code := statusCode(err); {
	case err == nil:
		return done
	case apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict):
		return conflict
	case code == http.StatusConflict, code == http.StatusUnprocessableEntity && aboutUID(err):
		return outdated
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return terminating
	case strings.Contains(message, "failed calling webhook"):
		return webhookDown
	case strings.Contains(message, "custom resource definition is terminating"):
		return failed
	case code == http.StatusForbidden && lacksPermission(message):
		return forbidden
	case code == http.StatusForbidden, code == http.StatusBadRequest, code == http.StatusUnprocessableEntity,
		code == http.StatusRequestEntityTooLarge, neverHeals(message):
		return refused
	}
	return failed
}

// statusCode is 0 for an error that no API server answered with.
func statusCode(err error) int {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return int(status.Status().Code)
	}
	return 0
}

// aboutUID recognises the guard: the object was replaced since it was read.
func aboutUID(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(cause metav1.StatusCause) bool {
		return cause.Field == "metadata.uid"
	})
}

// lacksPermission tells the authorizer's 403 from one of admission.
func lacksPermission(message string) bool {
	_, rest, found := strings.Cut(message, " is forbidden: User ")
	return found && strings.Contains(rest, " cannot ")
}

// neverHeals knows the bodies of status 500 that a retry meets again: a field that the
// CRD lacks, an entry of managedFields in a version no longer served, and too large an
// object.
func neverHeals(message string) bool {
	return strings.Contains(message, "failed to create typed patch object") ||
		strings.Contains(message, "request to convert CR to an invalid group/version") ||
		strings.Contains(message, "request is too large")
}
