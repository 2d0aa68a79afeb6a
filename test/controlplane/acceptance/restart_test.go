package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Killed on request, by a test, or with etcd under it: kube-apiserver's data and address stay what they were.
func TestRestartsKeepDataAndPort(t *testing.T) {
	c := start(t, command())
	write(t, c, "before")
	for name, crash := range map[string]struct {
		signal  syscall.Signal
		process func(pids) int
		changes func(pids) int
	}{
		"SIGUSR1 asks for it":   {syscall.SIGUSR1, func(p pids) int { return p.Supervisor }, func(p pids) int { return p.APIServer }},
		"kube-apiserver killed": {syscall.SIGKILL, func(p pids) int { return p.APIServer }, func(p pids) int { return p.APIServer }},
		"etcd killed":           {syscall.SIGKILL, func(p pids) int { return p.Etcd }, func(p pids) int { return p.Etcd }},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.pids(t)
			if err := syscall.Kill(crash.process(before), crash.signal); err != nil {
				t.Fatal(err)
			}
			eventually(t, "another process", func() error {
				if crash.changes(c.pids(t)) == crash.changes(before) {
					return errors.New("the same one")
				}
				return nil
			})
			eventually(t, "ready again", func() error { return c.ready(t.Context()) })
			eventually(t, "data", func() error { return read(t.Context(), c, "before") })
			if now := c.pids(t).Supervisor; now != before.Supervisor {
				t.Errorf("supervisor %d was %d", now, before.Supervisor)
			}
		})
	}
}

func TestKeptFolderGoesOn(t *testing.T) {
	// Longer than a unix socket's path may be.
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 25), "kept")
	first := start(t, command("--dir", dir))
	write(t, first, "kept")
	address, err := url.Parse(first.config.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := launch(command("--dir", dir)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second run on %s: %v, want it refused", dir, err)
	}
	if _, err := launch(command("--port", address.Port())); err == nil || !strings.Contains(err.Error(), address.Port()) {
		t.Errorf("a second run on port %s: %v, want it refused", address.Port(), err)
	}
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.awaitEnd(t)

	second := start(t, command("--dir", dir, "--port", address.Port()))
	if second.dir != dir {
		t.Errorf("it runs in %s, want %s", second.dir, dir)
	}
	if err := read(t.Context(), second, "kept"); err != nil {
		t.Error("data of the first run: ", err)
	}
	if err := read(t.Context(), first, "kept"); err != nil {
		t.Error("with the credentials of the first run: ", err)
	}
}

// The wrappers stand for released binaries: they understand no more than what those do.
func TestAssetsAreUsed(t *testing.T) {
	assets := t.TempDir()
	for _, program := range []string{"etcd", "kube-apiserver"} {
		wrapper := fmt.Sprintf("#!/bin/sh\n: >%q\nexec %q %s \"$@\"\n",
			filepath.Join(assets, program+".used"), binary("controlplane"), program)
		if err := os.WriteFile(filepath.Join(assets, program), []byte(wrapper), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command()
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets)
	c := start(t, cmd)
	write(t, c, "works")
	for _, program := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(assets, program+".used")); err != nil {
			t.Error(err)
		}
	}
}

func TestAssetsThatAreMissingAreNamed(t *testing.T) {
	assets := t.TempDir()
	cmd := command()
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets)
	_, err := launch(cmd)
	if err == nil || !strings.Contains(err.Error(), "KUBEBUILDER_ASSETS="+assets) || !strings.Contains(err.Error(), "etcd") {
		t.Errorf("%v, want the variable, its value and the missing program named", err)
	}
}

func TestProgramThatDoesNotStartEndsTheRun(t *testing.T) {
	assets := t.TempDir()
	for _, program := range []string{"etcd", "kube-apiserver"} {
		script := "#!/bin/sh\necho no such flag >&2\nexit 7\n"
		if err := os.WriteFile(filepath.Join(assets, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command()
	cmd.Env = append(os.Environ(), "KUBEBUILDER_ASSETS="+assets)
	_, err := launch(cmd)
	if err == nil || !strings.Contains(err.Error(), "exit status 7") || !strings.Contains(err.Error(), "no such flag") {
		t.Errorf("%v, want the exit status and the log", err)
	}
}

func write(t *testing.T, c *controlPlane, name string) {
	t.Helper()
	_, err := c.client.CoreV1().ConfigMaps("default").Create(t.Context(),
		&core.ConfigMap{ObjectMeta: meta.ObjectMeta{Name: name}}, meta.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func read(ctx context.Context, c *controlPlane, name string) error {
	_, err := c.client.CoreV1().ConfigMaps("default").Get(ctx, name, meta.GetOptions{})
	return err
}
