package certificate

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/types"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// TieKey is the annotation that ties a Certificate to its source where an owner reference can't.
const TieKey = annotations.OwnPrefix + "source"

// Tie says whose a Certificate is. It is a claim and gives no right: anybody who may write the
// Certificate can write it. Since it names the Certificate too, a copy of it is worth nothing.
type Tie struct {
	// Source is without a uid if no server had seen it.
	Source Owner
	// Namespace of the source.
	Namespace string
	// ForNamespace and ForName are those of the Certificate.
	ForNamespace, ForName string
}

// tieTo is the tie of a Certificate to its source.
func tieTo(object *source.Object, at types.NamespacedName) Tie {
	return Tie{
		Source:    Owner{Group: object.Group, Kind: object.Kind, Name: object.Name, UID: object.UID},
		Namespace: object.Namespace, ForNamespace: at.Namespace, ForName: at.Name,
	}
}

// String is the value of the annotation: GROUP/KIND:NAMESPACE/NAME uid=UID for=NAMESPACE/NAME. The
// core group is left out, and so is a uid that isn't known.
func (t Tie) String() string {
	group, uid := "", ""
	if t.Source.Group != "" {
		group = t.Source.Group + "/"
	}
	if t.Source.UID != "" {
		uid = " uid=" + t.Source.UID
	}
	return group + t.Source.Kind + ":" + t.Namespace + "/" + t.Source.Name + uid + " for=" + t.ForNamespace + "/" + t.ForName
}

// maxTie is the longest tie, in bytes: one of names that are as long as the API server lets them be.
const maxTie = 1 << 10

// tieForm is what [Tie.String] writes; what a uid is made of is the API server's business. It is
// never changed.
var tieForm = regexp.MustCompile(`^(?:(` + dnsName + `)/)?([A-Za-z][A-Za-z0-9]*):(` + dnsLabel + `)/(` + dnsName + `)` +
	`(?: uid=([!-~]+))? for=(` + dnsLabel + `)/(` + dnsName + `)$`)

const (
	dnsLabel = `[a-z0-9](?:[a-z0-9-]*[a-z0-9])?`
	dnsName  = `[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?`
)

// ParseTie reads exactly what [Tie.String] writes.
func ParseTie(text string) (Tie, error) {
	if len(text) > maxTie {
		return Tie{}, fmt.Errorf("it is longer than %d bytes", maxTie)
	}
	part := tieForm.FindStringSubmatch(text)
	if part == nil {
		return Tie{}, fmt.Errorf("%s isn't of the form GROUP/KIND:NAMESPACE/NAME uid=UID for=NAMESPACE/NAME", problem.Quote(text))
	}
	return Tie{
		Source:    Owner{Group: part[1], Kind: part[2], Name: part[4], UID: part[5]},
		Namespace: part[3], ForNamespace: part[6], ForName: part[7],
	}, nil
}

// isFor reports whether the tie is that of a Certificate, and no copy.
func (t Tie) isFor(seen Observed) bool {
	return t.ForNamespace == seen.Namespace && t.ForName == seen.Name
}

// tieDoubt says why the tie of a Certificate isn't one to this source, if it isn't. The object may be
// another one of its name than the one that the tie was to.
func tieDoubt(object *source.Object, seen Observed) Reason {
	tie, err := ParseTie(seen.Tie)
	of := tie.Source
	isNamed := of.Group == object.Group && of.Kind == object.Kind && tie.Namespace == object.Namespace && of.Name == object.Name
	switch {
	case err != nil:
		return Because(CauseTieUnreadable, err.Error())
	case !tie.isFor(seen):
		return Because(CauseTieCopied, tie.ForNamespace+"/"+tie.ForName)
	case isNamed && tie.Namespace != tie.ForNamespace:
		return Because(CauseTieEarlier, of.Kind)
	case !isNamed:
		return Because(CauseTieOther, of.Kind+" "+tie.Namespace+"/"+of.Name)
	}
	return Reason{}
}

// tie returns the tie of the wanted Certificate, "" where an owner reference does. An object that is
// read from a file, and isn't the owner already, has no uid for one.
func (in *Input) tie() string {
	if !in.Retain && !in.isForeign() && (in.ownerUID() != "" || in.isOwner()) {
		return ""
	}
	tie := tieTo(in.Source, in.Ask.At(in.Source))
	tie.Source.UID = in.ownerUID()
	return tie.String()
}

// ownerUID returns the uid for the owner reference. That of an object from a file is known from
// the Certificate, if that has an owner reference to it.
func (in *Input) ownerUID() string {
	if in.Source.UID == "" && in.isOwner() {
		return current(*in.Existing).Owner.UID
	}
	return in.Source.UID
}

// isForeign reports whether the Secret is in another namespace than the source.
func (in *Input) isForeign() bool { return in.Ask.Namespace != "" }

// isOwner reports whether the source is the controller owner of the Certificate that exists.
func (in *Input) isOwner() bool {
	return in.Existing != nil && Owns(in.Source, current(*in.Existing))
}
