package app

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/certshim/certshim/cmd/certshim/app/manifest"
)

// withoutPatches leaves out the files that Kustomizations among the same files name as patches, and
// counts them. A patch may look like an object, and has only what it changes of one.
func withoutPatches(files, kustomizations []string) (rest []string, patches int) {
	isPatch := map[string]bool{}
	for _, file := range kustomizations {
		for _, patch := range patchesOf(file) {
			isPatch[filepath.Join(filepath.Dir(file), patch)] = true
		}
	}
	rest = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return isPatch[filepath.Clean(file)] })
	return rest, len(files) - len(rest)
}

func isKustomization(name string) bool {
	return slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, filepath.Base(name))
}

// maxKustomization is how much of a Kustomization is read.
const maxKustomization = 1 << 20

// patchesOf gives the paths of patches that a Kustomization names. One that can't be read names none;
// what is wrong with it is told where its documents are read.
func patchesOf(name string) []string {
	file, err := openRegular(name)
	if err != nil {
		return nil
	}
	content, err := readMost(file, maxKustomization)
	if err != nil {
		return nil
	}
	kustomization := manifest.Mapping(content)
	// An item may also be a patch itself, which is no path then.
	paths, _, _ := unstructured.NestedStringSlice(kustomization, "patchesStrategicMerge")
	for _, field := range []string{"patches", "patchesJson6902"} {
		items, _ := kustomization[field].([]any)
		for _, item := range items {
			patch, _ := item.(map[string]any)
			if path, is := patch["path"].(string); is {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// readMost reads the beginning of a file, and closes it.
func readMost(file *os.File, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, most))
	if closed := file.Close(); err == nil {
		err = closed
	}
	return content, err
}
