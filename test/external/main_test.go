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

// play runs the tests. The logs stay if one fails.
func play(m *testing.M) (code int, err error) {
	logs, err := os.MkdirTemp("", "certshim-external-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if code != 0 || err != nil {
			fmt.Fprintln(os.Stderr, "the logs are in", logs)
			return
		}
		err = os.RemoveAll(logs)
	}()
	shared, err = Start(context.Background(), logs,
		"--default-issuer-name=letsencrypt", "--default-issuer-kind=ClusterIssuer", "--gateway-api-extra-protocols=DTLS")
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
