package app_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.yaml.in/yaml/v3"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim"
	"github.com/certshim/certshim/clientmetrics"
	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/controller"
	generated "github.com/certshim/certshim/declaration/pages"
	"github.com/certshim/certshim/issuance"
	"github.com/certshim/certshim/plugins"
	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/resolver"
)

// pages are the texts for people, by their path from the root of the repository, where
// the tests of this file run.
func pages(t *testing.T) map[string]string {
	t.Helper()
	t.Chdir("../../..")
	found := map[string]string{}
	read := func(name string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(text)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} {
		read(name)
	}
	err := filepath.WalkDir("docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			read(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]+)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fence   = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")
)

// The README's versions are those that the modules of the tests build.
func TestRequirementsAreWhatTestsRunWith(t *testing.T) {
	page := pages(t)["README.md"]
	for row, module := range map[string][2]string{
		"Kubernetes":            {"test/controlplane/go.mod", "k8s.io/kubernetes"},
		"cert-manager":          {"test/go.mod", "github.com/cert-manager/cert-manager"},
		"Gateway API, optional": {"test/go.mod", "sigs.k8s.io/gateway-api"},
	} {
		text, err := os.ReadFile(module[0])
		if err != nil {
			t.Fatal(err)
		}
		version := regexp.MustCompile(regexp.QuoteMeta(module[1]) + ` v(\S+)`).FindStringSubmatch(string(text))
		cells := regexp.MustCompile(`(?m)^\| ` + row + `[^|]*\|[^|]*\| ([0-9.]+)`).FindStringSubmatch(page)
		if version == nil || cells == nil || version[1] != cells[1] {
			t.Errorf("%s: the page has %q, %s has %q", row, cells, module[0], version)
		}
	}
}

func TestLinksResolve(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, found := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			target := page
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(page), found[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, found[0], err)
				continue
			}
			if found[2] != "" && !slices.Contains(anchors(all[target]), found[2]) {
				t.Errorf("%s links to %s: no such heading", page, found[0])
			}
		}
	}
}

// anchors are the names that a web page of the text gives its headings.
func anchors(text string) []string {
	var names []string
	for _, found := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(strings.TrimSpace(found[1]))
		name = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(name, "")
		names = append(names, "#"+strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// named finds what is set as code and looks like a file or folder of this repository.
var named = regexp.MustCompile("`((?:[a-z0-9_]+/)+(?:[a-zA-Z0-9_.-]+\\.[a-z]+)?)`")

func TestFilesNamedOnPagesExist(t *testing.T) {
	for page, text := range pages(t) {
		for _, found := range named.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if _, err := os.Stat(found[1]); err != nil {
				t.Errorf("%s names %s: %v", page, found[1], err)
			}
		}
	}
}

// rows gives the names, set as code, that begin the rows of the table under a heading.
func rows(t *testing.T, page, under string) []string {
	t.Helper()
	_, section, found := strings.Cut(page, "\n## "+under+"\n")
	if !found {
		t.Fatalf("no heading %q", under)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`{]+)").FindAllStringSubmatch(section, -1) {
		names = append(names, row[1])
	}
	slices.Sort(names)
	return names
}

func TestOperatePageHasEveryReason(t *testing.T) {
	page := pages(t)["docs/operate.md"]
	var want []string
	for _, r := range problem.Reasons() {
		want = append(want, string(r.Reason))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, rows(t, page, "Events")); diff != "" {
		t.Errorf("the table of problems (-code +page)\n%s", diff)
	}
}

var metricName = regexp.MustCompile(`fqName: "([a-z_]+)"`)

// Certshim's own metrics have one table, those of client-go another; what Go and the process have has none.
func TestOperatePageHasEveryMetric(t *testing.T) {
	page := pages(t)["docs/operate.md"]
	registry := prometheus.NewRegistry()
	clientmetrics.Install(registry)
	_, err := controller.New(controller.Config{Configuration: configuration.Default(), Policy: &certshim.Policy{Registry: &resolver.Registry{}}},
		&rest.Config{}, slog.New(slog.DiscardHandler), registry)
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugins.New(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	registry.MustRegister(host, app.NewReloadMetric())
	found, err := testutil.GatherAndLint(registry)
	if err != nil || len(found) > 0 {
		t.Errorf("against the conventions of Prometheus: %v, %v", err, found)
	}
	own, clients := map[string]bool{}, map[string]bool{}
	described := make(chan *prometheus.Desc, 1000)
	registry.Describe(described)
	close(described)
	for one := range described {
		name := metricName.FindStringSubmatch(one.String())
		switch {
		case name == nil || strings.HasPrefix(name[1], "go_") || strings.HasPrefix(name[1], "process_"):
		case strings.HasPrefix(name[1], "certshim_"):
			own[name[1]] = true
		default:
			clients[name[1]] = true
		}
	}
	for section, names := range map[string]map[string]bool{"Metrics": own, "Metrics of client-go": clients} {
		if diff := cmp.Diff(slices.Sorted(maps.Keys(names)), rows(t, page, section)); diff != "" {
			t.Errorf("the table of %s (-code +page)\n%s", section, diff)
		}
	}
}

func TestOperatePageHasEveryFlag(t *testing.T) {
	page := pages(t)["docs/operate.md"]
	help, _, _ := run(t, nil, "controller", "--help")
	connection := []string{"--as", "--as-group", "--cluster", "--context", "--kubeconfig", "--server", "--user", "--help"}
	var want []string
	for _, found := range regexp.MustCompile(`(?m)^ +(?:-[a-zA-Z], )?(--[a-z0-9-]+)`).FindAllStringSubmatch(help, -1) {
		if !slices.Contains(connection, found[1]) {
			want = append(want, found[1])
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, rows(t, page, "Flags")); diff != "" {
		t.Errorf("the table of flags (-code +page)\n%s", diff)
	}
}

// The file on the page has every field, at its default.
func TestOperatePageHasEveryField(t *testing.T) {
	page := pages(t)["docs/operate.md"]
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(block[2], "kind: "+configuration.Kind) {
			continue
		}
		loaded, err := configuration.Load([]byte(block[2]), "docs/operate.md")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asYAML(t, configuration.Default()), asYAML(t, loaded)); diff != "" {
			t.Errorf("the values (-default +page)\n%s", diff)
		}
		for _, field := range regexp.MustCompile(`(?m)^ *([a-zA-Z]+):`).FindAllStringSubmatch(asYAML(t, everything()), -1) {
			if !strings.Contains(block[2], field[1]+":") {
				t.Errorf("the field %s is missing", field[1])
			}
		}
		return
	}
	t.Error("docs/operate.md has no configuration file")
}

// everything is a configuration with the fields that are left out when they are empty.
func everything() configuration.Configuration {
	c, some := configuration.Default(), []string{"x"}
	c.Namespaces, c.Annotations.Extra, c.Labels = some, some, configuration.Labels{Include: some, Exclude: some}
	c.GatewayAPI.ExtraProtocols, c.LeaderElect.Namespace = some, "x"
	c.Ownership.SourcesMay = some
	return c
}

func asYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// YAML on a page is a manifest that plan has no objection to, a configuration that loads,
// or at least YAML.
func TestYAMLOnPagesHolds(t *testing.T) {
	for page, text := range pages(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			if block[1] != "yaml" {
				continue
			}
			switch {
			case strings.Contains(block[2], "kind: "+configuration.Kind):
				if _, err := configuration.Load([]byte(block[2]), page); err != nil {
					t.Error(err)
				}
			case strings.Contains(block[2], "apiVersion:"):
				if _, stderr, exit := run(t, []byte(block[2]), "plan", "-f", "-"); exit != 0 {
					t.Errorf("%s: plan of\n%s\nends with %d: %s", page, block[2], exit, stderr)
				}
			default:
				if err := yaml.Unmarshal([]byte(block[2]), new(any)); err != nil {
					t.Errorf("%s: %v in\n%s", page, err, block[2])
				}
			}
		}
	}
}

// A block of type console that plans, audits, adopts or releases files is a command and what it prints; -update
// writes that.
func TestConsoleOnPagesHolds(t *testing.T) {
	for page, text := range pages(t) {
		now := fence.ReplaceAllStringFunc(text, func(block string) string {
			found := fence.FindStringSubmatch(block)
			command, _, _ := strings.Cut(found[2], "\n")
			arguments := strings.Fields(strings.TrimPrefix(command, "$ certshim "))
			isOurs := len(arguments) > 2 && slices.Contains([]string{"plan", "audit", "adopt", "release"}, arguments[0]) && arguments[1] == "-f"
			if found[1] != "console" || !isOurs {
				return block
			}
			stdout, stderr, _ := run(t, nil, arguments...)
			return "```console\n" + command + "\n" + stdout + stderr + "```"
		})
		if now == text {
			continue
		}
		if !generated.Update() {
			t.Errorf("%s: run `go test ./cmd/certshim/app -update`\n%s", page, cmp.Diff(text, now))
		} else if err := os.WriteFile(page, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Commands on a page parse; those that need no cluster run.
func TestCommandsOnPagesHold(t *testing.T) {
	all := pages(t)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for page, text := range all {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			if block[1] != "sh" && block[1] != "bash" {
				continue
			}
			for _, command := range commands(block[2]) {
				checkCommand(t, page, command, string(makefile))
			}
		}
	}
}

// commands are the parts of a shell's lines, without comments, pipes and redirections.
func commands(block string) []string {
	var found []string
	block = strings.ReplaceAll(block, "\\\n", " ")
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		for part := range strings.SplitSeq(line, " | ") {
			part, _, _ = strings.Cut(part, " > ")
			if part = strings.TrimSpace(part); part != "" {
				found = append(found, part)
			}
		}
	}
	return found
}

func checkCommand(t *testing.T, page, command, makefile string) {
	t.Helper()
	words := strings.Fields(command)
	switch words[0] {
	case "certshim", "kubectl-certshim":
		checkOurs(t, page, command, words[1:])
	case "make":
		for _, target := range words[1:] {
			if !strings.Contains(target, "=") && !strings.Contains(makefile, "\n"+target+":") {
				t.Errorf("%s: %q: there is no such target", page, command)
			}
		}
	case "kubectl":
		for i, word := range words {
			if word == "-k" {
				if _, err := os.Stat(filepath.Join(words[i+1], "kustomization.yaml")); err != nil {
					t.Errorf("%s: %q: %v", page, command, err)
				}
			}
		}
	}
}

// checkOurs runs a command. Where it asks for a cluster or for a file of the reader's, it
// has understood its arguments.
func checkOurs(t *testing.T, page, command string, arguments []string) {
	t.Helper()
	var stdin bytes.Buffer
	if slices.Contains(arguments, "-") {
		example, err := os.ReadFile("examples/issuer.yaml")
		if err != nil {
			t.Fatal(err)
		}
		stdin.Write(example)
	}
	_, stderr, exit := run(t, stdin.Bytes(), arguments...)
	needs := regexp.MustCompile(`no cluster:|read the kubeconfig:|read --config: stat|read -f: stat (manifests|chart|dump)`)
	if exit == 2 && !needs.MatchString(stderr) {
		t.Errorf("%s: %q ends with %d: %s", page, command, exit, stderr)
	}
}

// The page of hangs has a section for each code and its tests, and the changelog their number.
func TestHangsPageHasEveryCode(t *testing.T) {
	all := pages(t)
	tests, err := os.ReadFile("test/external/hangs/hangs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	dns, err := os.ReadFile("test/external/hangs/dns_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got, tested []string
	for _, code := range issuance.Codes() {
		want = append(want, string(code.Code))
	}
	for _, found := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(all["docs/hangs.md"], -1) {
		got = append(got, found[1])
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (\w+) \| [^|]+ \| (Test\w+) \| [^|]+ \|$`).FindAllStringSubmatch(all["docs/hangs.md"], -1) {
		tested = append(tested, row[1])
		if !strings.Contains(string(tests)+string(dns), "func "+row[2]+"(") {
			t.Errorf("%s: there is no %s", row[1], row[2])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	slices.Sort(tested)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-code +page)\n%s", diff)
	}
	if diff := cmp.Diff(want, tested); diff != "" {
		t.Errorf("(-code +tested)\n%s", diff)
	}
	if number := fmt.Sprintf("[%d places](docs/hangs.md)", len(want)); !strings.Contains(all["CHANGELOG.md"], number) {
		t.Errorf("the changelog doesn't say %s", number)
	}
}

// The page of explain has every flag that is its own.
func TestExplainPageHasEveryFlag(t *testing.T) {
	page := pages(t)["docs/explain.md"]
	for _, flag := range []string{"--watch", "-o json", "--config", "--color", "-n NAMESPACE"} {
		if !strings.Contains(page, flag) {
			t.Errorf("%s is missing", flag)
		}
	}
}
