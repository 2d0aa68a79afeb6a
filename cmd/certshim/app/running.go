package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/certshim/certshim/configuration"
	"github.com/certshim/certshim/problem"
)

// defaultRelease is the namespace in which deploy/ installs certshim, and the name that it gives the
// Deployment.
const defaultRelease = "certshim"

var (
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
)

// running is how the controller of a cluster is started: by its arguments, and by the files that
// ConfigMaps mount into its container.
type running struct {
	// name is that of the Deployment.
	name, namespace string
	args            []string
	mounts          []mounted
	client          dynamic.Interface
	// read has the ConfigMaps that were read, by name.
	read map[string]*unstructured.Unstructured
	// object is the Deployment.
	object *unstructured.Unstructured
}

// mounted is a ConfigMap in the file system of a container.
type mounted struct {
	configMap, at, subPath string
	// paths are the files that its keys become; nil if each key is a file of its name.
	paths map[string]string
}

// What is read of a Deployment.
type (
	deployment struct {
		Metadata struct {
			Name   string            `json:"name"`
			Labels map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec struct {
			Template struct {
				Spec podSpec `json:"spec"`
			} `json:"template"`
		} `json:"spec"`
	}
	podSpec struct {
		Containers []container `json:"containers"`
		Volumes    []volume    `json:"volumes"`
	}
	container struct {
		Command      []string `json:"command"`
		Args         []string `json:"args"`
		VolumeMounts []struct {
			Name      string `json:"name"`
			MountPath string `json:"mountPath"`
			SubPath   string `json:"subPath"`
		} `json:"volumeMounts"`
	}
	volume struct {
		Name      string           `json:"name"`
		ConfigMap *configMapVolume `json:"configMap"`
		Projected struct {
			Sources []struct {
				ConfigMap *configMapVolume `json:"configMap"`
			} `json:"sources"`
		} `json:"projected"`
	}
	configMapVolume struct {
		Name  string `json:"name"`
		Items []struct {
			Key  string `json:"key"`
			Path string `json:"path"`
		} `json:"items"`
	}
)

// findRunning finds the controller in the namespace of its release; nil if there is none.
func findRunning(ctx context.Context, config *rest.Config, namespace string) (*running, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	list, err := client.Resource(deployments).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []*running
	for _, item := range list.Items {
		d, err := decodeDeployment(item.Object)
		if err != nil {
			return nil, err
		}
		if r := d.running(); r != nil {
			r.namespace, r.client, r.object = namespace, client, &item
			found = append(found, r)
		}
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("it has %d Deployments of certshim", len(found))
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

func decodeDeployment(object map[string]any) (d deployment, err error) {
	text, err := json.Marshal(object)
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(text, &d)
}

// running is how the Deployment starts the controller; nil if it is another's.
func (d deployment) running() *running {
	if d.Metadata.Name != defaultRelease && d.Metadata.Labels["app.kubernetes.io/name"] != defaultRelease {
		return nil
	}
	for _, c := range d.Spec.Template.Spec.Containers {
		words := slices.Concat(c.Command, c.Args)
		if at := slices.Index(words, "controller"); at >= 0 {
			return &running{name: d.Metadata.Name, args: words[at+1:], mounts: d.Spec.Template.Spec.mounts(c)}
		}
	}
	return nil
}

// mounts are the ConfigMaps in a container.
func (p podSpec) mounts(c container) []mounted {
	var all []mounted
	for _, m := range c.VolumeMounts {
		for _, v := range p.Volumes {
			if v.Name != m.Name {
				continue
			}
			sources := []*configMapVolume{v.ConfigMap}
			for _, s := range v.Projected.Sources {
				sources = append(sources, s.ConfigMap)
			}
			for _, source := range sources {
				if source != nil {
					all = append(all, mounted{source.Name, path.Clean(m.MountPath), m.SubPath, source.paths()})
				}
			}
		}
	}
	return all
}

func (v configMapVolume) paths() map[string]string {
	if len(v.Items) == 0 {
		return nil
	}
	paths := map[string]string{}
	for _, item := range v.Items {
		paths[item.Key] = path.Clean(item.Path)
	}
	return paths
}

// files are what a path in the container is: a file, or those of a folder, by their paths. It is an
// error if no ConfigMap has it there.
func (r *running) files(ctx context.Context, at string) (map[string]string, error) {
	at = path.Clean(at)
	files := map[string]string{}
	for _, m := range r.mounts {
		if at != m.at && !strings.HasPrefix(at, m.at+"/") && !strings.HasPrefix(m.at, at+"/") {
			continue
		}
		object, err := r.configMap(ctx, m.configMap)
		if err != nil {
			return nil, err
		}
		for key, text := range dataOf(object) {
			if file, is := m.file(key); is && (file == at || path.Dir(file) == at) {
				files[file] = text
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no ConfigMap mounts %s into it", problem.Quote(at))
	}
	return files, nil
}

// file is the path that a key becomes, if it becomes one.
func (m mounted) file(key string) (string, bool) {
	name := key
	if m.paths != nil {
		if name = m.paths[key]; name == "" {
			return "", false
		}
	}
	if m.subPath != "" {
		return m.at, name == path.Clean(m.subPath)
	}
	return path.Join(m.at, name), true
}

func (r *running) configMap(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	if object, known := r.read[name]; known {
		return object, nil
	}
	object, err := r.client.Resource(configMaps).Namespace(r.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	if r.read == nil {
		r.read = map[string]*unstructured.Unstructured{}
	}
	r.read[name] = object
	return object, nil
}

// dataOf are the keys of a ConfigMap. A value that is no text is empty.
func dataOf(configMap *unstructured.Unstructured) map[string]string {
	data := map[string]string{}
	values, _ := configMap.Object["data"].(map[string]any)
	for key, value := range values {
		data[key], _ = value.(string)
	}
	return data
}

// typesOf are the types that the controller reads from files.
func typesOf[T any](ctx context.Context, r *running, paths []string, decode decodeType[T]) (types []T, err error) {
	for _, at := range paths {
		files, failed := r.files(ctx, at)
		err = errors.Join(err, failed)
		for _, name := range slices.Sorted(maps.Keys(files)) {
			if name != path.Clean(at) && !isManifest(name) {
				continue
			}
			entry, failed := decode([]byte(files[name]), r.String()+": "+name)
			err = errors.Join(err, failed)
			types = append(types, entry)
		}
	}
	return types, err
}

// String names the Deployment.
func (r *running) String() string { return "Deployment " + r.namespace + "/" + r.name }

// configuration is what the controller goes by: its file, and over it its arguments.
func (r *running) configuration(ctx context.Context) (c configuration.Configuration, err error) {
	c = configuration.Default()
	name, err := r.configFile()
	if err != nil {
		return c, err
	}
	if name != "" {
		files, err := r.files(ctx, name)
		if err != nil {
			return c, err
		}
		if c, err = configuration.Load([]byte(files[path.Clean(name)]), r.String()+": "+name); err != nil {
			return c, err
		}
	}
	arguments := pflag.NewFlagSet("", pflag.ContinueOnError)
	bindController(arguments, &c)
	return c, parseKnown(arguments, r.args)
}

// configFile is the file that the arguments name by --config, empty for none.
func (r *running) configFile() (string, error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	name := flags.String("config", "", "")
	err := parseKnown(flags, r.args)
	return *name, err
}

// parseKnown parses the flags of a set among others.
func parseKnown(flags *pflag.FlagSet, args []string) error {
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.SetOutput(io.Discard)
	return flags.Parse(args)
}

func (o *planOptions) bindRelease(flags *pflag.FlagSet) {
	flags.StringVar(&o.release, "release-namespace", defaultRelease, "namespace of the controller, whose configuration counts where --config names none")
}

// follow takes the configuration of the cluster's controller, and says so; or the defaults, and why.
func (o *planOptions) follow(ctx context.Context) {
	const instead = "; the defaults count, unless you give it by --config"
	config, err := o.connection.config()
	if err != nil {
		return // the command itself can't go on without
	}
	found, err := findRunning(ctx, config, o.release)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		o.note("the configuration of the controller in namespace " + o.release + " can't be read: " + err.Error() + instead)
	case found == nil:
		o.note("there is no controller in namespace " + o.release + ", so that the defaults count; name its namespace by --release-namespace, or its configuration by --config")
	default:
		c, err := found.configuration(ctx)
		if err != nil {
			o.note("the configuration of " + found.String() + " can't be read: " + err.Error() + instead)
			return
		}
		o.running, o.settings.base = found, &c
		o.note("the configuration is that of " + found.String())
	}
}

func (o *planOptions) note(text string) { printLine(o.streams.ErrOut, "note: "+text) }
