package prometheus

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/certshim/certshim/test/cluster"
	"github.com/certshim/certshim/test/process"
)

// Server is a Prometheus that runs until its test ends.
type Server struct{ address string }

// Path is where the program is; the error says what to install.
func Path() (string, error) {
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", fmt.Errorf("there is no prometheus: install Debian's package prometheus: %w", err)
	}
	return path, nil
}

// Start starts Prometheus with a configuration, whose other files are in a folder, too, and returns when it is ready. What is
// stored in the folder data is there already.
func Start(t *testing.T, path, folder, configuration string) Server {
	t.Helper()
	file := filepath.Join(folder, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := cluster.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	running, err := process.Start(t.Context(), process.Program{Path: path, Log: filepath.Join(t.ArtifactDir(), "prometheus.log"), Args: []string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(folder, "data"), "--storage.tsdb.retention.time=10y", "--web.listen-address=" + address,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	if err := cluster.Answers(t.Context(), running, http.DefaultClient, "http://"+address+"/-/ready"); err != nil {
		t.Fatal(err)
	}
	return Server{address}
}

// Ask reads an answer of the API.
func (s Server) Ask(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	return json.NewDecoder(response.Body).Decode(into)
}

// Results are how many series a query gives at a time, without those that are no number: a quantile of nothing.
func (s Server) Results(ctx context.Context, query string, at time.Time) (results int, err error) {
	var answer struct {
		Status, Error string
		Data          struct{ Result []json.RawMessage }
	}
	values := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if err := s.Ask(ctx, "/api/v1/query?"+values.Encode(), &answer); err != nil {
		return 0, err
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("%s: %s", query, answer.Error)
	}
	for _, result := range answer.Data.Result {
		if !strings.Contains(string(result), `"NaN"`) {
			results++
		}
	}
	return results, nil
}
