package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// statusError is the error of a status as the API server writes it.
func statusError(t *testing.T, body string) error {
	t.Helper()
	e := &apierrors.StatusError{}
	if err := json.Unmarshal([]byte(body), &e.ErrStatus); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return fmt.Errorf("wrapped: %w", e)
}

// about are the details of a status about a Certificate.
const about = `"details":{"name":"tls","group":"cert-manager.io","kind":"certificates"`

// Every kind of answer has a real body, and one whose text, as far as its author can choose it,
// says the words of another.
func TestRead(t *testing.T) {
	const (
		authorizer = `certificates.cert-manager.io \"tls\" is forbidden: User \"system:serviceaccount:certshim:certshim\" cannot patch resource \"certificates\" in API group \"cert-manager.io\" in the namespace \"shop\"`
		down       = `Internal error occurred: failed calling webhook \"webhook.cert-manager.io\": failed to call webhook: Post \"https://cert-manager-webhook.cert-manager.svc:443/validate?timeout=10s\": dial tcp 10.0.0.7:443: connect: connection refused`
		crdGoes    = `certificates.cert-manager.io \"tls\" is forbidden: create not allowed while custom resource definition is terminating`
		ownerNew   = `certificates.cert-manager.io \"tls\" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion projectcontour.io/v1 Kind HTTPProxy: no matches for kind \"HTTPProxy\" in version \"projectcontour.io/v1\"`
		notFound   = `certificates.cert-manager.io \"tls\" not found`
		untyped    = `failed to create typed patch object (shop/tls; cert-manager.io/v1, Kind=Certificate): .spec.nope: field not declared in schema`
		unserved   = `request to convert CR to an invalid group/version: cert-manager.io/v1alpha2`
		byWebhook  = `admission webhook \"policy.corp.example\" denied the request: `
		byPolicy   = `certificates.cert-manager.io \"tls\" is forbidden: ValidatingAdmissionPolicy 'names' with binding 'names' denied request: `
	)
	for name, row := range map[string]struct {
		body string
		want Answer
	}{
		"field conflict": {`{"code":409,"reason":"Conflict","message":"Apply failed with 1 conflict: conflict with \"kubectl\": .spec.secretName",
			"details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl\"","field":".spec.secretName"}]}}`, Conflict},
		"exists":                             {`{"code":409,"reason":"Conflict","message":"Operation cannot be fulfilled on certificates.cert-manager.io \"tls\": the object has been modified",` + about + `}}`, Outdated},
		"a webhook says conflict":            {`{"code":409,"message":"` + byWebhook + `no","details":{"causes":[{"reason":"FieldManagerConflict"}]}}`, Refused},
		"replaced":                           {`{"code":422,"reason":"Invalid","message":"Certificate.cert-manager.io \"tls\" is invalid: metadata.uid: Invalid value",` + about + `,"causes":[{"reason":"FieldValueInvalid","field":"metadata.uid"}]}}`, Outdated},
		"invalid":                            {`{"code":422,"reason":"Invalid","message":"invalid",` + about + `,"causes":[{"reason":"FieldValueInvalid","field":"spec.secretName"}]}}`, Refused},
		"invalid, speaking of the uid":       {`{"code":422,"reason":"Invalid","message":"spec.commonName: Invalid value: \"metadata.uid\"",` + about + `,"causes":[{"field":"spec.commonName","message":"metadata.uid"}]}}`, Refused},
		"a webhook says replaced":            {`{"code":422,"message":"` + byWebhook + `no","details":{"causes":[{"field":"metadata.uid"}]}}`, Refused},
		"invalid, speaking of a CRD":         {`{"code":422,"reason":"Invalid","message":"` + crdGoes + `",` + about + `}}`, Refused},
		"bad request":                        {`{"code":400,"reason":"BadRequest","message":"strict decoding error"}`, Refused},
		"bad, speaking of a webhook":         {`{"code":400,"reason":"BadRequest","message":"` + down + `"}`, Refused},
		"too large":                          {`{"code":413,"reason":"RequestEntityTooLarge","message":"Request entity too large: limit is 3145728"}`, Refused},
		"too large for etcd":                 {`{"code":500,"message":"etcdserver: request is too large"}`, Refused},
		"too large to send to etcd":          {`{"code":500,"message":"rpc error: code = ResourceExhausted desc = trying to send message larger than max (3000000 vs. 2097152)"}`, Refused},
		"unknown field":                      {`{"code":500,"message":"` + untyped + `"}`, Refused},
		"unserved version":                   {`{"code":500,"message":"` + unserved + `"}`, Refused},
		"server error":                       {`{"code":500,"reason":"InternalError","message":"Internal error occurred: etcd is slow"}`, Failed},
		"server error that quotes another":   {`{"code":500,"reason":"InternalError","message":"Internal error occurred: cannot store \"` + untyped + `\""}`, Failed},
		"webhook doesn't answer":             {`{"code":500,"reason":"InternalError","message":"` + down + `","details":{"causes":[{"message":"failed calling webhook"}]}}`, WebhookDown},
		"a webhook speaks of another":        {`{"code":500,"message":"` + byWebhook + down + `"}`, Failed},
		"denied, speaking of a webhook":      {`{"code":403,"message":"` + byWebhook + `commonName \"` + down + `\""}`, Refused},
		"denied":                             {`{"code":403,"message":"` + byWebhook + `no"}`, Refused},
		"denied, without a code":             {`{"code":400,"message":"` + byWebhook + `no"}`, Refused},
		"denied by a policy":                 {`{"code":422,"reason":"Invalid","message":"` + byPolicy + `no",` + about + `}}`, Refused},
		"denied by a policy with 403":        {`{"code":403,"reason":"Forbidden","message":"` + byPolicy + `no",` + about + `}}`, Refused},
		"denied by a policy with 401":        {`{"code":401,"reason":"Unauthorized","message":"` + byPolicy + `no",` + about + `}}`, Refused},
		"quota":                              {`{"code":403,"reason":"Forbidden","message":"certificates.cert-manager.io \"tls\" is forbidden: exceeded quota: q",` + about + `}}`, Refused},
		"no permission":                      {`{"code":403,"reason":"Forbidden","message":"` + authorizer + `",` + about + `}}`, Forbidden},
		"no permission, with a reason":       {`{"code":403,"reason":"Forbidden","message":"` + authorizer + `: RBAC: role not found",` + about + `}}`, Forbidden},
		"a policy speaks of permissions":     {`{"code":403,"reason":"Forbidden","message":"` + byPolicy + authorizer + `",` + about + `}}`, Refused},
		"a webhook speaks of permissions":    {`{"code":403,"reason":"Forbidden","message":"` + byWebhook + authorizer + `",` + about + `}}`, Refused},
		"permissions of another object":      {`{"code":403,"reason":"Forbidden","message":"` + authorizer + `","details":{"name":"other","group":"cert-manager.io","kind":"certificates"}}`, Refused},
		"a plugin of admission names a user": {`{"code":403,"reason":"Forbidden","message":"certificates.cert-manager.io \"tls\" is forbidden: User \"x\" is over its quota",` + about + `}}`, Refused},
		"the user is unknown":                {`{"code":401,"reason":"Unauthorized","message":"Unauthorized"}`, Failed},
		"namespace goes away":                {`{"code":403,"reason":"Forbidden","message":"certificates.cert-manager.io \"tls\" is forbidden: unable to create new content in namespace shop because it is being terminated",` + about + `,"causes":[{"reason":"NamespaceTerminating","field":"metadata.namespace"}]}}`, Terminating},
		"a webhook says so":                  {`{"code":403,"message":"` + byWebhook + `no","details":{"causes":[{"reason":"NamespaceTerminating"}]}}`, Refused},
		"denied, speaking of a namespace":    {`{"code":403,"message":"` + byWebhook + `unable to create new content in namespace shop because it is being terminated","details":{"causes":[{"message":"NamespaceTerminating"}]}}`, Refused},
		"CRD goes away":                      {`{"code":403,"reason":"Forbidden","message":"` + crdGoes + `",` + about + `}}`, Failed},
		"the owner's kind is new":            {`{"code":403,"reason":"Forbidden","message":"` + ownerNew + `",` + about + `}}`, Failed},
		"denied, speaking of a new kind":     {`{"code":403,"reason":"Forbidden","message":"` + byPolicy + ownerNew + `",` + about + `}}`, Refused},
		"denied, speaking of a CRD":          {`{"code":403,"reason":"Forbidden","message":"` + byPolicy + crdGoes + `",` + about + `}}`, Refused},
		"the Certificate is gone":            {`{"code":404,"reason":"NotFound","message":"` + notFound + `",` + about + `}}`, Gone},
		"the namespace is gone":              {`{"code":404,"reason":"NotFound","message":"namespaces \"shop\" not found","details":{"name":"shop","kind":"namespaces"}}`, Gone},
		"the kind is gone":                   {`{"code":404,"reason":"NotFound","message":"the server could not find the requested resource",` + about + `,"causes":[{"reason":"UnexpectedServerResponse","message":"404 page not found"}]}}`, Failed},
		"a webhook says gone":                {`{"code":404,"reason":"NotFound","message":"` + byWebhook + notFound + `",` + about + `}}`, Refused},
		"too many requests":                  {`{"code":429,"reason":"TooManyRequests","message":"slow down"}`, Failed},
		"unavailable, speaking of webhooks":  {`{"code":503,"reason":"ServiceUnavailable","message":"` + down + `"}`, Failed},
	} {
		err := statusError(t, row.body)
		if got := AnswerOf(err); got != row.want || !slices.Contains(Answers(), got) {
			t.Errorf("%s: %s, want %s, one of %v", name, got, row.want, Answers())
		}
		want := ""
		if row.want == WebhookDown {
			want = "webhook.cert-manager.io"
		}
		if got := WebhookOf(err); got != want {
			t.Errorf("%s: the webhook is %q, want %q", name, got, want)
		}
	}
}

func TestReadWhatNoServerSaid(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		want Answer
	}{
		"no error":                 {nil, Done},
		"no answer":                {errors.New(`Internal error occurred: failed calling webhook "w": refused`), Failed},
		"the Lease is over":        {&url.Error{Op: "Patch", URL: "https://server", Err: ErrLeaseOver}, Unsent},
		"a status without details": {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 403, Message: ` is forbidden: User "x" can do it`}}, Refused},
	} {
		if got := AnswerOf(row.err); got != row.want || WebhookOf(row.err) != "" {
			t.Errorf("%s: %s, of webhook %q, want %s", name, got, WebhookOf(row.err), row.want)
		}
	}
}
