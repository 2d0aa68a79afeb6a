package plugintest

import (
	"fmt"
	"testing"
)

// A command that leaves a process behind, such as one that starts the plugin, still ends.
func TestACommandMayStartAProcess(t *testing.T) {
	output, err := shell(t.Context(), "sleep 60 & echo started $!")
	if err != nil {
		t.Fatal(err)
	}
	var pid string
	if n, err := fmt.Sscanf(output, "started %s", &pid); n != 1 {
		t.Fatalf("it printed %q: %v", output, err)
	}
	// The process is still there to be ended.
	if _, err := shell(t.Context(), "kill "+pid); err != nil {
		t.Error(err)
	}
}
