package source

import (
	"fmt"
	"strings"

	"github.com/certshim/certshim/problem"
)

// Slot is what only one listener of a Gateway can have, those of its ListenerSets included: a port, a
// protocol and, where requests for several hostnames can share a port, a hostname.
type Slot struct {
	Port     int
	Protocol string
	// Host is in lower case, and empty for a listener of all hostnames.
	Host string
}

// IsTCP says whether the listener has all connections to its port, whatever they are for.
func (s Slot) IsTCP() bool { return s.Protocol == "TCP" }

// IsShared says whether listeners for other hostnames can have the same port.
func (s Slot) IsShared() bool {
	return s.Protocol == "HTTP" || s.Protocol == "HTTPS" || s.Protocol == "TLS"
}

// String is the slot in words.
func (s Slot) String() string {
	text := fmt.Sprintf("port %d and protocol %s", s.Port, s.Protocol)
	switch {
	case !s.IsShared():
		return text
	case s.Host == "":
		return text + " for all hostnames"
	}
	return text + " for " + s.Host
}

// slotOf is the slot of a listener. One whose port isn't known, or of a protocol that the Gateway API
// doesn't define, has none.
func slotOf(entry Entry) (Slot, bool) {
	slot := Slot{Port: entry.Port, Protocol: entry.Protocol}
	if slot.IsShared() && len(entry.Hosts) > 0 {
		slot.Host = strings.ToLower(entry.Hosts[0])
	}
	return slot, slot.Port != 0 && (slot.IsShared() || slot.IsTCP() || slot.Protocol == "UDP")
}

// conflicts are the listeners of one object that conflict, each with the first of the others. Of those
// that do, none is served.
func conflicts(entries []Entry) map[int]int {
	var all conflicting
	for i, entry := range entries {
		if slot, has := slotOf(entry); has {
			all.add(i, slot)
		}
	}
	return all.others
}

// conflicting finds listeners that conflict as they come.
type conflicting struct {
	others map[int]int
	slots  map[Slot]int
	// ports has, of each port, the listeners of TCP and those of protocols that share it.
	ports map[int]*struct{ tcp, shared []int }
}

func (c *conflicting) add(i int, slot Slot) {
	if c.slots == nil {
		c.others, c.slots, c.ports = map[int]int{}, map[Slot]int{}, map[int]*struct{ tcp, shared []int }{}
	}
	port := c.ports[slot.Port]
	if port == nil {
		port = &struct{ tcp, shared []int }{}
		c.ports[slot.Port] = port
	}
	if first, taken := c.slots[slot]; taken {
		c.pair(first, i)
	} else {
		c.slots[slot] = i
	}
	switch {
	case slot.IsTCP():
		for _, other := range port.shared {
			c.pair(other, i)
		}
		port.tcp, port.shared = append(port.tcp, i), port.shared[:min(1, len(port.shared))]
	case slot.IsShared():
		if len(port.tcp) > 0 {
			c.pair(port.tcp[0], i)
		}
		port.shared = append(port.shared, i)
	}
}

// pair notes that two listeners conflict, unless each is known to do so with an earlier one.
func (c *conflicting) pair(a, b int) {
	for _, of := range [][2]int{{a, b}, {b, a}} {
		if _, known := c.others[of[0]]; !known {
			c.others[of[0]] = of[1]
		}
	}
}

// slots are those that an object takes: each once, and none of listeners that conflict with each other.
func slots(object *Object) []Slot {
	if object.Deleting {
		return nil
	}
	var all []Slot
	conflicts := conflicts(object.Entries)
	for i, entry := range object.Entries {
		slot, has := slotOf(entry)
		if _, lost := conflicts[i]; has && !lost {
			all = append(all, slot)
		}
	}
	return all
}

// ComparePrecedence orders what brings listeners to one Gateway by which keeps a slot that several
// claim, once the Gateway itself is set apart: the older object, and among equals the smaller by
// namespace/name.
func ComparePrecedence(a, b *Object) int {
	if age := a.Created.Compare(b.Created); age != 0 {
		return age
	}
	return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
}

// contested judges the slot of a listener that is to have a certificate, and says whether another one has it.
func (j *judge) contested(i int, entry Entry) bool {
	slot, has := slotOf(entry)
	if !has {
		return false
	}
	name := "the listener " + problem.Quote(entry.Section)
	if other, lost := j.conflicts[i]; lost {
		j.conflict(entry, slot, name+" conflicts with the listener "+problem.Quote(j.object.Entries[other].Section)+" of the same object, so that neither is served: no certificate is made for it")
		return true
	}
	if j.options.Holder == nil {
		return false
	}
	holder := j.options.Holder(slot)
	if holder == "" {
		return false
	}
	j.conflict(entry, slot, name+" conflicts with "+holder+", which comes first: it isn't served, and no certificate is made for it, until that one is gone")
	return true
}

func (j *judge) conflict(entry Entry, slot Slot, message string) {
	j.asks.Problems.Add(problem.Problem{
		Severity: problem.Error, Path: entry.Path, Value: slot.String(), Reason: problem.ListenerConflict, Message: message,
	})
}
