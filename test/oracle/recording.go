package oracle

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	cmclient "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/typed/certmanager/v1"
)

// recording is what one sync sent. It is an event recorder itself, and the clients below write into it.
type recording struct {
	created, updated []*cmapi.Certificate
	deleted          []string
	events           []Event
}

// Event implements record.EventRecorder.
func (r *recording) Event(_ runtime.Object, eventType, reason, message string) {
	r.events = append(r.events, Event{Type: eventType, Reason: reason, Message: message})
}

// Eventf implements record.EventRecorder.
func (r *recording) Eventf(object runtime.Object, eventType, reason, format string, arguments ...any) {
	r.Event(object, eventType, reason, fmt.Sprintf(format, arguments...))
}

// AnnotatedEventf implements record.EventRecorder.
func (r *recording) AnnotatedEventf(
	object runtime.Object, _ map[string]string, eventType, reason, format string, arguments ...any,
) {
	r.Eventf(object, eventType, reason, format, arguments...)
}

// client, group and certificates are the way from a clientset to the three calls that the shims make. Every other call
// is one on a nil interface, so that a new upstream call shows as a panic in the Result and not as a silent omission.
type client struct {
	versioned.Interface
	recording *recording
}

// CertmanagerV1 implements versioned.Interface.
func (c client) CertmanagerV1() cmclient.CertmanagerV1Interface { return group{recording: c.recording} }

type group struct {
	cmclient.CertmanagerV1Interface
	recording *recording
}

// Certificates implements cmclient.CertmanagerV1Interface.
func (g group) Certificates(string) cmclient.CertificateInterface {
	return certificates{recording: g.recording}
}

type certificates struct {
	cmclient.CertificateInterface
	recording *recording
}

// Create implements cmclient.CertificateInterface.
func (c certificates) Create(
	_ context.Context, certificate *cmapi.Certificate, _ metav1.CreateOptions,
) (*cmapi.Certificate, error) {
	c.recording.created = append(c.recording.created, certificate.DeepCopy())
	return certificate, nil
}

// Update implements cmclient.CertificateInterface.
func (c certificates) Update(
	_ context.Context, certificate *cmapi.Certificate, _ metav1.UpdateOptions,
) (*cmapi.Certificate, error) {
	c.recording.updated = append(c.recording.updated, certificate.DeepCopy())
	return certificate, nil
}

// Delete implements cmclient.CertificateInterface.
func (c certificates) Delete(_ context.Context, name string, _ metav1.DeleteOptions) error {
	c.recording.deleted = append(c.recording.deleted, name)
	return nil
}
