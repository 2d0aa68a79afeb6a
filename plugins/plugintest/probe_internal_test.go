package plugintest

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// A command that leaves a process behind, as one that starts the plugin does, is over all the same.
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

// Late answers are the plugin's fault, unless handshakes beside them are late, too.
func TestLateAnswers(t *testing.T) {
	for hello, unproven := range map[time.Duration]bool{
		time.Millisecond: false, promptly - 1: false, promptly: true, time.Second: true,
	} {
		err, busy := late(time.Second, hello), unprovenError{}
		if err == nil || errors.As(err, &busy) != unproven {
			t.Errorf("with handshakes of %s: %v", hello, err)
		}
	}
}
