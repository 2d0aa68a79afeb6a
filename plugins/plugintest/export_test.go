package plugintest

import (
	"slices"

	"github.com/certshim/certshim/plugins/plugintest/faulty"
)

// Catches reports whether a case detects a fault. A plugin that gives no answers fails every
// case that asks.
func (c Case) Catches(fault faulty.Fault) bool {
	switch fault {
	case faulty.Silent, faulty.DiesMidway, faulty.Endless, faulty.OldVersion:
		return c.asks || slices.Contains(c.catches, string(fault))
	default:
		return slices.Contains(c.catches, string(fault))
	}
}
