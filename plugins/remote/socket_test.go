package remote_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	api "github.com/certshim/certshim/plugins/api/certshim/resolver/v1alpha1"
	"github.com/certshim/certshim/plugins/plugintest/faulty"
	"github.com/certshim/certshim/plugins/remote"
)

func TestWhatIsNoSocketToDial(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	listener, err := net.Listen("unix", at("good.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.WriteFile(at("file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("good.sock"), at("link")); err != nil {
		t.Fatal(err)
	}
	open := at("open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	inOpen, err := net.Listen("unix", filepath.Join(open, "p.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer inOpen.Close()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := remote.CheckSocket(at("good.sock")); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for path, want := range map[string]string{
		at("nothing"): "no such file", at("file"): "regular file", at("link"): "link", folder: "folder",
		filepath.Join(open, "p.sock"): "anybody may write", "/" + strings.Repeat("x", 107): "at most 107",
	} {
		if err := remote.CheckSocket(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
}

func TestTheUserBehindASocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "p.sock")
	stop, err := faulty.New(faulty.None).Start(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	call := func(uid int) error {
		connection, err := remote.Dial(socket, &uid)
		if err != nil {
			return err
		}
		defer connection.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = api.NewResolverServiceClient(connection).Handshake(ctx, &api.HandshakeRequest{})
		return err
	}
	if process, err := remote.Listener(t.Context(), socket); err != nil || process.PID != os.Getpid() || process.UID != os.Getuid() {
		t.Errorf("the process is %+v, %v", process, err)
	}
	if err := call(os.Getuid()); err != nil {
		t.Errorf("as it should be: %v", err)
	}
	if err := call(os.Getuid() + 1); err == nil || !strings.Contains(err.Error(), "must be") {
		t.Errorf("another user: %v", err)
	}
}
