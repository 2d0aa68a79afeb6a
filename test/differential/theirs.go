package differential

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certshim/certshim/test/oracle"
)

// answer is what upstream did about an input.
type answer struct {
	// created are the Certificates that it made, updated those that it wrote over, also if
	// it deleted them afterwards.
	created, updated certificates
	// after are the Certificates that exist then.
	after certificates
	// stopped is true when the sync ended early: by an error, a panic, or an Event that
	// refuses the object as a whole.
	stopped bool
}

// theirs asks upstream about an input.
func theirs(in *Input) (answer, error) {
	result, err := oracle.Run(in.Options, in.Object.manifest(), in.cached()...)
	if err != nil {
		return answer{}, fmt.Errorf("upstream: %w", err)
	}
	out := answer{created: certificates{}, updated: certificates{}, stopped: result.Err != nil || result.Panic != "" || refusal(result.Events)}
	if out.after, err = existing(in); err != nil {
		return answer{}, err
	}
	for _, made := range result.Created {
		if err := out.created.put(made); err != nil {
			return answer{}, err
		}
		out.after[made.Name] = out.created[made.Name]
	}
	for _, made := range result.Updated {
		if err := out.updated.put(made); err != nil {
			return answer{}, err
		}
		out.after[made.Name] = out.updated[made.Name]
	}
	for _, name := range result.Deleted {
		delete(out.after, name)
	}
	return out, nil
}

// refusal says whether an Event refuses the whole object.
func refusal(events []oracle.Event) bool {
	for _, event := range events {
		if event.Reason == "BadConfig" && !strings.HasPrefix(event.Message, "Skipped a ") {
			return true
		}
	}
	return false
}

// cached is what upstream's caches hold.
func (in *Input) cached() []runtime.Object {
	var out []runtime.Object
	for _, certificate := range in.Existing {
		out = append(out, certificate)
	}
	if in.Gateway != nil {
		out = append(out, in.Gateway.manifest())
	}
	return out
}

func existing(in *Input) (certificates, error) {
	out := certificates{}
	for _, certificate := range in.Existing {
		if err := out.put(certificate); err != nil {
			return nil, err
		}
	}
	return out, nil
}
