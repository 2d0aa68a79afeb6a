package app

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/certshim/certshim/configuration"
)

// Each flag stands for the field that the table says.
func TestFlagFields(t *testing.T) {
	fields := flagFields()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c := configuration.Default()
	bindController(flags, &c)
	flags.VisitAll(func(flag *pflag.Flag) {
		before := flat(t, c)
		if err := flag.Value.Set(map[string]string{"bool": strconv.FormatBool(flag.DefValue == "false"), "int": "7", "float32": "7", "duration": (7 * time.Hour).String()}[flag.Value.Type()]); err != nil {
			_ = flag.Value.Set("other")
		}
		if flag.Value.Type() == "string" || flag.Value.Type() == "stringSlice" {
			_ = flag.Value.Set("other")
		}
		var changed []string
		for field, value := range flat(t, c) {
			if before[field] != value {
				changed = append(changed, field)
			}
		}
		if got := strings.Join(changed, " "); got != fields[flag.Name] {
			t.Errorf("--%s stands for %q, not %q", flag.Name, got, fields[flag.Name])
		}
		delete(fields, flag.Name)
	})
	if len(fields) > 0 {
		t.Errorf("there are no flags %v", fields)
	}
}

// flat has the fields of a configuration by their paths.
func flat(t *testing.T, c configuration.Configuration) map[string]string {
	t.Helper()
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		if inner, is := value.(map[string]any); is {
			for key, value := range inner {
				walk(strings.TrimPrefix(path+"."+key, "."), value)
			}
			return
		}
		text, _ := yaml.Marshal(value)
		fields[path] = string(text)
	}
	walk("", root)
	return fields
}
