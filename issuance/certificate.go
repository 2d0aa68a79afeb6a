package issuance

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
)

// certificate says how the Certificate stands, and whether there is more to look at.
func (w *walk) certificate() bool {
	c := w.Certificate
	ready, written := c.Conditions.find("Ready")
	issuing, _ := c.Conditions.find("Issuing")
	switch {
	case !c.Deleted.IsZero():
		w.step(c.Meta, Waiting, c.Deleted, "it is being deleted")
		return false
	case len(c.Conditions) == 0:
		w.step(c.Meta, Waiting, c.Created, "it has no condition yet")
		w.silent(c.Created, "cert-manager has written nothing about it")
		return false
	case issuing.Status == "True":
		w.step(c.Meta, Waiting, issuing.Since, "an issuance runs: %s%s", words(issuing), w.stillServes(ready))
		return true
	case ready.Status == "True":
		w.issued(ready)
		return false
	case w.anotherIsFirst(ready):
		return false
	case !c.Failed.IsZero():
		w.step(c.Meta, Broken, c.Failed, "the last issuance failed: %s", words(issuing))
		return true
	}
	w.step(c.Meta, Waiting, ready.Since, "it isn't ready: %s", words(ready))
	if !written {
		ready.Since = c.Created
	}
	w.silent(ready.Since, "no issuance has begun, though it isn't ready")
	return false
}

// words are what a condition says.
func words(c Condition) string {
	text := strings.Trim(c.Reason+": "+c.Message, ": ")
	return cmp.Or(text, "nothing is said")
}

// stillServes says of a renewal that the certificate before it is still good.
func (w *walk) stillServes(ready Condition) string {
	if ready.Status != "True" || w.Certificate.NotAfter.IsZero() {
		return ""
	}
	return "; the present certificate is valid until " + stamp(w.Certificate.NotAfter)
}

// issued is a Certificate that is ready.
func (w *walk) issued(ready Condition) {
	c := w.Certificate
	until := ""
	if !c.NotAfter.IsZero() {
		until = ", valid from " + stamp(c.NotBefore) + " until " + stamp(c.NotAfter)
	}
	w.step(c.Meta, OK, ready.Since, "it is ready, with revision %d%s", c.Revision, until)
	w.chain.Done = true
	if c.Revision < 2 && !c.Temporary {
		return
	}
	w.chain.Notes = append(w.chain.Notes, Hang{
		Code: ServerShowsAnother, Object: c.object(),
		Why: "Secret " + problem.Name(c.Secret) + " has the certificate that is valid from " + stamp(c.NotBefore) +
			", and had another before; a server that shows that one has not taken the new one",
		Help: []string{
			"This is no longer cert-manager's: see whether the server reads this Secret, and reload or restart it.",
			"Compare what it serves with the times above.",
		},
		Commands: []string{"openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -serial -dates"},
	})
}

// silent is a Certificate about which cert-manager says nothing.
func (w *walk) silent(since time.Time, why string) {
	if !w.older(since, patience) {
		return
	}
	c := w.Certificate
	why += " for " + w.age(since)
	switch {
	case !w.Written.IsZero():
		why += "; the newest status that it has written to any Certificate that can be read is " + w.age(w.Written) + " old"
	case w.Unread[KindCertificate] == "":
		why += "; it has never written a status to any Certificate that can be read"
	}
	w.hang(Hang{
		Code: CertManagerSilent, Object: c.object(), Why: why,
		Help: []string{
			"See whether cert-manager's controller runs, and holds its Lease.",
			"If it was started with --namespace or --controllers, see whether it works on this namespace, and on Certificates.",
		},
		Commands: []string{
			"kubectl get deployments -A -l app.kubernetes.io/name=cert-manager",
			"kubectl logs -n cert-manager deployment/cert-manager --tail=50",
		},
	})
}

// secretOfOther has the Certificate for which the Secret was issued.
var secretOfOther = regexp.MustCompile(`^Secret was issued for "([^"]{1,253})"`)

// anotherIsFirst says whether cert-manager passes over the Certificate, silently, because another
// one with the same Secret goes first.
func (w *walk) anotherIsFirst(ready Condition) bool {
	c := w.Certificate
	sharing := []Certificate{c}
	for _, other := range w.Others {
		if other.Secret == c.Secret && other.Namespace == c.Namespace && other.UID != c.UID {
			sharing = append(sharing, other)
		}
	}
	slices.SortStableFunc(sharing, func(a, b Certificate) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	first := sharing[0].Name
	why := "it is the oldest of them"
	if named := secretOfOther.FindStringSubmatch(ready.Message); named != nil {
		if slices.ContainsFunc(sharing, func(s Certificate) bool { return s.Name == named[1] }) || w.Unread[KindCertificate] != "" {
			first, why = named[1], "the Secret was issued for it"
		}
	}
	if first == c.Name {
		return false
	}
	w.step(c.Meta, Broken, ready.Since, "it isn't ready: %s", words(ready))
	w.hang(Hang{
		Code: AnotherCertificateFirst, Object: c.object(),
		Why: "Certificate " + problem.Name(first) + " has Secret " + problem.Name(c.Secret) + " too, and goes first, as " + why +
			"; cert-manager passes over this one without a word, and looks again every three minutes",
		Help: []string{
			"Give one of the two another spec.secretName, or delete the one that isn't needed.",
		},
		Commands: []string{
			command("kubectl -n %s get certificates -o wide", c.Namespace),
			command("kubectl -n %s describe certificate %s", c.Namespace, first),
		},
	})
	return true
}
