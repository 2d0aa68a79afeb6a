package external

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// shared is the stage of all tests.
var shared *Stage

func TestMain(m *testing.M) {
	code, err := play(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "external:", err)
		code = 1
	}
	os.Exit(code)
}

func play(m *testing.M) (code int, err error) {
	shared, err = Start(context.Background(),
		"--default-issuer-name=letsencrypt", "--default-issuer-kind=ClusterIssuer")
	if err != nil {
		return 1, err
	}
	defer func() {
		if stopErr := shared.Stop(); err == nil {
			err = stopErr
		}
	}()
	return m.Run(), nil
}
