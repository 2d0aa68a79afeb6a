package envtest

import (
	"net/http"
	"os"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"
)

func TestControlPlaneOfOneTest(t *testing.T) {
	var dir string
	var pids Pids
	t.Run("runs", func(t *testing.T) {
		controlPlane := Start(t)
		client, err := rest.HTTPClientFor(controlPlane.Config)
		if err != nil {
			t.Fatal(err)
		}
		if !controlPlane.ready(t.Context(), client) {
			t.Error("it isn't ready after Start")
		}
		if err := controlPlane.RestartAPIServer(t.Context()); err != nil {
			t.Fatal("restart: ", err)
		}
		// Reading a Namespace takes what a readiness check doesn't: the administrator's certificate and role.
		response, err := client.Get(controlPlane.Config.Host + "/api/v1/namespaces/default")
		if err != nil {
			t.Fatal("after the restart, on the same port: ", err)
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("the administrator reads namespace default: %s", response.Status)
		}
		dir = controlPlane.Dir
		if pids, err = controlPlane.Pids(); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("folder %s after the test: %v, want it removed", dir, err)
	}
	for _, pid := range []int{pids.Supervisor, pids.Etcd, pids.APIServer} {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("process %d after the test: %v, want it gone", pid, err)
		}
	}
}

func TestBinaryIsAnExecutableAfterStart(t *testing.T) {
	if _, err := build(t.Context()); err != nil {
		t.Fatal(err)
	}
	path, err := Binary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o111 == 0 {
		t.Errorf("%s has mode %s, want it executable", path, info.Mode())
	}
}

func TestRepositoryIsFoundFromBelow(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	if again, err := repository(); err != nil || again != root {
		t.Errorf("from %s itself: %q, %v", root, again, err)
	}
	t.Chdir(t.TempDir())
	if found, err := repository(); err == nil {
		t.Errorf("outside of the repository: found %s, want an error", found)
	}
}
