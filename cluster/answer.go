package cluster

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Answer is what the API server's answer to a write means for who acts next.
type Answer string

const (
	// Done means: it was written.
	Done Answer = "done"
	// Conflict means: another manager holds a field. Read it live and decide again.
	Conflict Answer = "conflict"
	// Outdated means: the object is another than the cache said. Decide again from newer.
	Outdated Answer = "outdated"
	// Refused means: what was sent can't be accepted. Its author acts next.
	Refused Answer = "refused"
	// Terminating means: the namespace is going away. Nobody acts.
	Terminating Answer = "terminating"
	// Gone means: the object to be changed or deleted, or the namespace, isn't there any more. Nobody
	// acts: the watch shows it, too.
	Gone Answer = "gone"
	// WebhookDown means: an admission webhook doesn't answer; [WebhookOf] names it.
	WebhookDown Answer = "webhook-down"
	// Forbidden means: this process lacks a permission. The operator acts next.
	Forbidden Answer = "forbidden"
	// Unsent means [ErrLeaseOver]: the request was not sent.
	Unsent Answer = "unsent"
	// Failed means: anything that may be better next time.
	Failed Answer = "failed"
)

// Answers are all there are.
func Answers() []Answer {
	return []Answer{Done, Conflict, Outdated, Refused, Terminating, Gone, WebhookDown, Forbidden, Unsent, Failed}
}

// AnswerOf says what the error of a write means.
//
// Messages quote what was sent, which its author chose. So the status code counts first, then
// what the server says by reason and causes, and of a message only what the server itself
// writes at its beginning.
func AnswerOf(err error) Answer {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrLeaseOver):
		return Unsent
	case !errors.As(err, &status):
		return Failed
	}
	return answerOfStatus(status.Status())
}

func answerOfStatus(s metav1.Status) Answer {
	if s.Details == nil {
		s.Details = &metav1.StatusDetails{}
	}
	switch s.Code {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		return Refused
	case http.StatusUnauthorized:
		// An admission policy may choose this code for its refusal.
		if strings.HasPrefix(s.Message, subject(s)+" is forbidden: ") {
			return Refused
		}
	case http.StatusForbidden:
		return answerOfForbidden(s)
	case http.StatusNotFound:
		return answerOfNotFound(s)
	case http.StatusConflict:
		return answerOfConflict(s)
	case http.StatusUnprocessableEntity:
		if !denied(s) && hasCause(s, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" }) {
			return Outdated
		}
		return Refused
	case http.StatusInternalServerError:
		return answerOfInternal(s)
	}
	return Failed
}

// answerOfForbidden tells the authorizer's answer from those of admission.
func answerOfForbidden(s metav1.Status) Answer {
	if !denied(s) && hasCauseOf(s, corev1.NamespaceTerminatingCause) {
		return Terminating
	}
	why, isForbidden := strings.CutPrefix(s.Message, subject(s)+" is forbidden: ")
	switch {
	case isForbidden && lacksPermission(why):
		return Forbidden
	case isForbidden && why == "create not allowed while custom resource definition is terminating":
		return Failed
	case isForbidden && strings.HasPrefix(why, ownerNotServed):
		return Failed
	}
	return Refused
}

// ownerNotServed begins what the admission plugin OwnerReferencesPermissionEnforcement says of an owner
// whose kind it doesn't know yet: it hears of a new CRD some seconds after clients do.
const ownerNotServed = "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "

// lacksPermission knows how the authorizer begins: User "name" cannot patch resource …
func lacksPermission(why string) bool {
	quoted, isUser := strings.CutPrefix(why, "User ")
	name, err := strconv.QuotedPrefix(quoted)
	return isUser && err == nil && strings.HasPrefix(quoted[len(name):], " cannot ")
}

// answerOfNotFound tells an object that is gone from a resource that isn't served.
func answerOfNotFound(s metav1.Status) Answer {
	switch {
	case denied(s):
		return Refused
	case s.Details.Name != "" && s.Message == subject(s)+" not found":
		return Gone
	}
	return Failed
}

func answerOfConflict(s metav1.Status) Answer {
	switch {
	case denied(s):
		return Refused
	case hasCauseOf(s, metav1.CauseTypeFieldManagerConflict):
		return Conflict
	}
	return Outdated
}

// The messages of status 500 that certshim goes by, by how the server begins them.
const (
	webhookFailed = "Internal error occurred: failed calling webhook "
	// A field that the CRD lacks.
	untypedPatch = "failed to create typed patch object ("
	// An entry of managedFields in a version that is no longer served.
	unservedVersion = "request to convert CR to an invalid group/version: "
	// Too large an object, for etcd and for the connection to it.
	tooLarge     = "etcdserver: request is too large"
	tooLargeSent = "rpc error: code = ResourceExhausted desc = trying to send message larger than max"
)

func answerOfInternal(s metav1.Status) Answer {
	if webhookOf(s) != "" {
		return WebhookDown
	}
	// A retry meets these again.
	for _, begin := range []string{untypedPatch, unservedVersion, tooLarge, tooLargeSent} {
		if strings.HasPrefix(s.Message, begin) {
			return Refused
		}
	}
	return Failed
}

// WebhookOf names the admission webhook that doesn't answer; it is "" for any other error.
func WebhookOf(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusInternalServerError {
		return ""
	}
	return webhookOf(status.Status())
}

func webhookOf(s metav1.Status) string {
	quoted, failed := strings.CutPrefix(s.Message, webhookFailed)
	if !failed {
		return ""
	}
	return unquotePrefix(quoted)
}

// denied says that an admission webhook chose the status.
func denied(s metav1.Status) bool {
	quoted, isWebhook := strings.CutPrefix(s.Message, "admission webhook ")
	return isWebhook && unquotePrefix(quoted) != ""
}

// unquotePrefix gives the Go string that a text begins with, or "".
func unquotePrefix(text string) string {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return ""
	}
	name, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return name
}

// subject is how the server begins a message about an object: certificates.cert-manager.io "tls".
func subject(s metav1.Status) string {
	resource := schema.GroupResource{Group: s.Details.Group, Resource: s.Details.Kind}.String()
	if s.Details.Name == "" {
		return resource
	}
	return resource + " " + strconv.Quote(s.Details.Name)
}

func hasCauseOf(s metav1.Status, is metav1.CauseType) bool {
	return hasCause(s, func(cause metav1.StatusCause) bool { return cause.Type == is })
}

func hasCause(s metav1.Status, is func(metav1.StatusCause) bool) bool {
	return slices.ContainsFunc(s.Details.Causes, is)
}
