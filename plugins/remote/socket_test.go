package remote_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	if err := remote.CheckSocket(at("good.sock")); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for path, want := range map[string]string{
		at("nothing"): "no such file", at("file"): "regular file", at("link"): "link", folder: "folder",
		"/" + strings.Repeat("x", 107): "at most 107",
	} {
		if err := remote.CheckSocket(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", path, err, want)
		}
	}
}

// Where anybody could have put the socket there, as in an emptyDir, and no user is configured, it must be certshim's own that listens.
func TestWhoMustBeBehindASocket(t *testing.T) {
	configured, own := 7, 8
	for name, row := range map[string]struct {
		mode       os.FileMode
		configured *int
		want       *int
	}{
		"an own folder":                  {0o755, nil, nil},
		"an own folder, and a user":      {0o755, &configured, &configured},
		"a folder of a group":            {os.ModeSetgid | 0o770, nil, nil},
		"a folder for temporary files":   {os.ModeSticky | 0o777, nil, nil},
		"an emptyDir":                    {0o777, nil, &own},
		"an emptyDir of a group":         {os.ModeSetgid | 0o777, nil, &own},
		"an emptyDir of a group, a user": {os.ModeSetgid | 0o777, &configured, &configured},
	} {
		folder := t.TempDir()
		if err := os.Chmod(folder, row.mode); err != nil {
			t.Fatal(err)
		}
		got, why, err := remote.UserBehind(filepath.Join(folder, "p.sock"), row.configured, own)
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
		if strings.Contains(why, "no uid is configured for the plugin") != (row.want == &own) {
			t.Errorf("%s: the error would say %q", name, why)
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
	if err := os.Chmod(filepath.Dir(socket), 0o777); err != nil {
		t.Fatal(err)
	}
	connection, err := remote.Dial(socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := api.NewResolverServiceClient(connection).Handshake(t.Context(), &api.HandshakeRequest{}); err != nil {
		t.Errorf("certshim's own user in a folder like an emptyDir: %v", err)
	}
	if err := call(os.Getuid() + 1); err == nil || !strings.Contains(err.Error(), "must be") {
		t.Errorf("another user: %v", err)
	}
}
