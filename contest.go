package certshim

import (
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// contest finds out which other objects have the slots of an object's listeners.
type contest struct {
	input
	// unread is set where that can't be known for one of them.
	unread bool
}

// holder says in words who has a slot, or "". A ListenerSet of another namespace isn't named: who may not
// see it there isn't to learn of it here.
func (c *contest) holder(slot source.Slot) string {
	holder, presence := c.observed.Holder(c.object, slot)
	switch {
	case presence == Unknown:
		c.unread = !c.policy.Offline
		return ""
	case holder == nil:
		return ""
	}
	if joins, _ := c.kind.Joins(); holder.GroupKind() == joins || holder.Namespace == c.object.Namespace {
		return holder.Kind + " " + problem.Name(holder.Namespace) + "/" + problem.Name(holder.Name)
	}
	return "a " + holder.Kind + " of another namespace"
}

// problem says that it can't be known who has the slots.
func (c *contest) problem() problem.Problem {
	return problem.Problem{
		Severity: problem.Warning, Path: "spec.listeners", Reason: problem.ListenerConflict,
		Message: listenersUnread,
	}
}
