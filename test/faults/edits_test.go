package faults

import (
	"fmt"
	"slices"
	"testing"

	"github.com/certshim/certshim/test/cluster"
)

// grow asks for one more name, which is a new certificate.
func (h *history) grow(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.hosts = append(o.hosts, fmt.Sprintf("h%d.%s.example.com", len(o.hosts), o.name))
	h.apply(t, namespace, o)
}

// touch changes a label, which is no new certificate.
func (h *history) touch(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.touched++
	h.apply(t, namespace, o)
}

// extend asks for one more Secret, or, if there are some already, for the oldest of them no longer. A source that waits for a
// Secret is only touched then: the Certificate would stay until it has that.
func (h *history) extend(t *testing.T, namespace string, o *origin) {
	t.Helper()
	const some = 2
	switch {
	case len(o.more) < some:
		h.extendBy(t, namespace, o, fmt.Sprintf("%s-more-%d", o.name, h.edits))
	case o.waits != nil:
		h.touch(t, namespace, o)
	default:
		o.more = o.more[1:]
		h.apply(t, namespace, o)
	}
}

// extendBy asks for one more Secret.
func (h *history) extendBy(t *testing.T, namespace string, o *origin, added string) {
	t.Helper()
	o.more = append(o.more, added)
	h.apply(t, namespace, o)
}

// rename asks for another Secret; the Certificate of the former one is to go. A source that waits for that one gets it then.
func (h *history) rename(t *testing.T, namespace string, o *origin) {
	t.Helper()
	o.secret, o.waits = fmt.Sprintf("%s-%d", o.name, h.edits), nil
	h.apply(t, namespace, o)
	if guest := h.guest; guest != nil && guest.waits == o {
		guest.waits = nil
		h.count(guest)
	}
}

// steal deletes the Certificate by hand, if it is there; it is to be made again, for the source that had it.
func (h *history) steal(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if o.waits != nil {
		o = o.waits
	}
	if w := h.want(o); w.made > 0 {
		w.made++
		w.specs++
	}
	h.where.Delete(t, cluster.Certificates(), namespace, o.secret)
	h.edited("Certificate %s is deleted by hand", o.secret)
}

// replace deletes an Ingress and makes another one of that name. Others are only touched: the garbage collector takes
// a while until it sees objects of their kinds go. So is an Ingress whose Secret another one waits for, and is older then.
func (h *history) replace(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if o.kind != "Ingress" || h.replacesNothing || h.awaited(o) {
		h.touch(t, namespace, o)
		return
	}
	h.where.Delete(t, ingresses, namespace, o.name)
	h.apply(t, namespace, o)
}

// silence takes the trigger away, or puts it back. Meanwhile the Certificates stay as they are. A ListenerSet is only touched:
// it would have the issuer of its Gateway. So is a source whose Secret another one waits for: if its Certificate isn't there yet,
// the other one gets it.
func (h *history) silence(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if o.kind == "ListenerSet" || h.awaited(o) {
		h.touch(t, namespace, o)
		return
	}
	o.silent = !o.silent
	h.apply(t, namespace, o)
}

// spoil gives an annotation a value that can't be read, or mends it. Meanwhile the Certificates keep what they have of it, and
// none is made. A source whose Secret another one waits for is only touched: it would stand back.
func (h *history) spoil(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if h.awaited(o) {
		h.touch(t, namespace, o)
		return
	}
	o.broken = !o.broken
	h.apply(t, namespace, o)
}

// move asks for the other of the scene's issuers, which is a new certificate for each Secret.
func (h *history) move(t *testing.T, namespace string, o *origin) {
	t.Helper()
	switch o.signer.name {
	case issuer:
		o.signer.name = otherIssuer
	case otherIssuer:
		o.signer.name = issuer
	}
	h.apply(t, namespace, o)
}

// visit makes another Ingress, lets it have the Secret that it waits for, or deletes it, for good. It waits for the Secret of an
// Ingress, if that can have it for certain.
func (h *history) visit(t *testing.T, namespace string, o *origin) {
	t.Helper()
	if guest := h.guest; guest != nil {
		if guest.waits != nil {
			h.rename(t, namespace, guest.waits)
			return
		}
		h.where.Delete(t, ingresses, namespace, guest.name)
		h.edited("Ingress %s is deleted", guest.name)
		h.origins = slices.DeleteFunc(h.origins, func(o *origin) bool { return o == guest })
		h.guest = nil
		return
	}
	// Of two that are made within a second, the first by name is the older one.
	name := fmt.Sprintf("younger-%d", h.edits)
	h.guest = &origin{kind: "Ingress", name: name, secret: name + "-tls", hosts: []string{name + ".example.com"}, signer: signer{name: issuer}}
	if o.kind == "Ingress" && o.signer.kind == "" && !o.silent && !o.broken {
		h.guest.waits, h.guest.secret = o, o.secret
	}
	h.origins = append(h.origins, h.guest)
	h.apply(t, namespace, h.guest)
}

// awaited reports whether another source waits for the Secret.
func (h *history) awaited(o *origin) bool { return h.guest != nil && h.guest.waits == o }
