package issuance

import (
	"strings"
	"time"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// issuer says how the issuer stands. It is looked at last: what it lacks is a hang only while
// something is asked of it.
func (w *walk) issuer() {
	ref := w.Certificate.Issuer
	m := Meta{Kind: ref.Kind, Name: ref.Name, Namespace: w.Certificate.Namespace}
	switch {
	case w.Issuer == nil && w.Unread[KindIssuer] != "":
		w.step(m, Unknown, time.Time{}, "the issuer can't be read: %s", w.Unread[KindIssuer])
		return
	case w.Issuer == nil:
		w.step(m, Broken, time.Time{}, "there is no such issuer")
		w.issuerMissing(m, "there is no "+issuerWords(ref))
		return
	}
	i := w.Issuer
	ready, written := i.Conditions.find("Ready")
	switch {
	case !written && ref.Group != resolver.CertManagerGroup:
		w.step(i.Meta, Unknown, time.Time{}, "it has no condition Ready, which not every kind of issuer has")
	case ready.Status == "True":
		w.step(i.Meta, OK, ready.Since, "it is ready: %s", words(ready))
	default:
		w.step(i.Meta, Broken, ready.Since, "it isn't ready: %s", words(ready))
		w.notReady(i, ready)
	}
}

// notReady says why an issuer isn't ready, as far as that can be told from what it says.
func (w *walk) notReady(i *Issuer, ready Condition) {
	c := w.Certificate
	says := issuerWords(c.Issuer) + " says: " + words(ready)
	switch {
	case i.CASecret != "" && i.CASecret == c.Secret && i.Namespace == c.Namespace:
		w.overwritesCA(i.Meta, says)
	case secretNotFound.MatchString(ready.Message):
		w.issuerLacksSecret(i.Meta, says)
	default:
		w.issuerUnready(i.Meta, says)
	}
}

func (w *walk) issuerMissing(at Meta, why string) {
	c := w.Certificate
	help := []string{"Name an issuer that is there, by its kind, its group and its name, or make this one."}
	if len(w.Namesakes) > 0 {
		var there []string
		for _, other := range w.Namesakes {
			there = append(there, other.String())
		}
		why += "; there is " + list(there)
		help = append(help, "The kind is chosen by the annotation: cert-manager.io/issuer is one of the same namespace, cert-manager.io/cluster-issuer is one for all; other groups need cert-manager.io/issuer-group and -kind.")
	}
	w.hang(Hang{
		Code: IssuerNotFound, Object: at.object(), Why: why, Help: help,
		Commands: []string{
			command("certshim issuers %s -n %s", c.Issuer.Name, c.Namespace),
			command("kubectl -n %s get issuers,clusterissuers", c.Namespace),
		},
	})
}

func (w *walk) issuerUnready(at Meta, why string) {
	c := w.Certificate
	w.hang(Hang{
		Code: IssuerNotReady, Object: at.object(), Why: why,
		Help:     []string{"The issuer has to become ready first; its own message says what it lacks. cert-manager goes on by itself then."},
		Commands: []string{showIssuer(c)},
	})
}

func (w *walk) issuerLacksSecret(at Meta, why string) {
	c := w.Certificate
	help := "An Issuer reads Secrets of its own namespace, " + problem.Name(c.Namespace) + "."
	if c.Issuer.Kind == "ClusterIssuer" {
		help = "A ClusterIssuer reads Secrets of cert-manager's own namespace, or of the one that --cluster-resource-namespace names: not of " +
			problem.Name(c.Namespace) + "."
	}
	w.hang(Hang{
		Code: IssuerSecretMissing, Object: at.object(), Why: why,
		Help:     []string{help, "Make the Secret there, or name one that is there in the issuer."},
		Commands: []string{showIssuer(c), "kubectl get secrets -A"},
	})
}

func (w *walk) overwritesCA(at Meta, why string) {
	c := w.Certificate
	w.hang(Hang{
		Code: SecretOverwritesCA, Object: at.object(),
		Why: "the Certificate writes Secret " + problem.Name(c.Secret) + ", from which " + issuerWords(c.Issuer) + " signs; " + why,
		Help: []string{
			"Give the Certificate another secretName, on a source its TLS entry.",
			"Then restore the CA's certificate and key in the issuer's Secret: they may have been overwritten.",
		},
		Commands: []string{showIssuer(c), describe(c.Meta)},
	})
}

// showIssuer is the command that shows the issuer of a Certificate.
func showIssuer(c Certificate) string {
	kind := strings.ToLower(c.Issuer.Kind) + "." + c.Issuer.Group
	return command("kubectl -n %s describe %s %s", c.Namespace, kind, c.Issuer.Name)
}
