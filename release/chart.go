package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"
)

// chart is what Helm packages. The times in it are those of the files, which a clone has from its making.
func (r release) chart(ctx context.Context, source commit) (file, error) {
	if err := r.annotate(source); err != nil {
		return file{}, err
	}
	chart := filepath.Join(source.folder, "deploy/chart")
	err := filepath.WalkDir(chart, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, source.time, source.time)
	})
	if err != nil {
		return file{}, err
	}
	into := filepath.Dir(source.folder)
	_, err = output(ctx, into, nil, r.helm, "package", chart,
		"--version="+r.version.number(), "--app-version="+r.version.String(), "--destination="+into)
	if err != nil {
		return file{}, err
	}
	name := fmt.Sprintf("certshim-%s.tgz", r.version.number())
	content, err := os.ReadFile(filepath.Join(into, name))
	return file{name, content}, err
}

// annotate adds to the clone's Chart.yaml what Artifact Hub reads of a version.
func (r release) annotate(source commit) error {
	const name = "deploy/chart/Chart.yaml"
	content, err := source.read(name)
	if err != nil {
		return err
	}
	chart := map[string]any{}
	if err := yaml.Unmarshal(content, &chart); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	annotations, is := chart["annotations"].(map[string]any)
	if !is {
		return fmt.Errorf("%s has no annotations, must have those that are the same in each version", name)
	}
	if err := r.addAnnotations(annotations, source); err != nil {
		return err
	}
	if content, err = yaml.Marshal(chart); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(source.folder, name), content, 0o644)
}

// chartImage is the image of a chart, as Artifact Hub lists it.
type chartImage struct {
	Name      string   `json:"name"`
	Image     string   `json:"image"`
	Platforms []string `json:"platforms"`
}

func (r release) addAnnotations(annotations map[string]any, source commit) error {
	changelog, err := source.read("CHANGELOG.md")
	if err != nil {
		return err
	}
	section, err := r.version.section(string(changelog))
	if err != nil {
		return err
	}
	changes, err := r.version.changes(section)
	if err != nil {
		return err
	}
	image, err := r.chartImage(source)
	if err != nil {
		return err
	}
	if err := addYAML(annotations, "artifacthub.io/images", []chartImage{image}); err != nil {
		return err
	}
	if r.version.isPrerelease() {
		annotations["artifacthub.io/prerelease"] = "true"
	}
	if slices.ContainsFunc(changes, func(c change) bool { return c.Kind == "security" }) {
		annotations["artifacthub.io/containsSecurityUpdates"] = "true"
	}
	if len(changes) == 0 {
		return nil
	}
	return addYAML(annotations, "artifacthub.io/changes", changes)
}

// addYAML adds an annotation whose value is a text in YAML.
func addYAML(annotations map[string]any, name string, value any) error {
	text, err := yaml.Marshal(value)
	annotations[name] = string(text)
	return err
}

// chartImage is what the chart runs by its own values.
func (r release) chartImage(source commit) (chartImage, error) {
	const name = "deploy/chart/values.yaml"
	content, err := source.read(name)
	if err != nil {
		return chartImage{}, err
	}
	var values struct {
		Image struct{ Registry, Repository string }
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		return chartImage{}, fmt.Errorf("%s: %w", name, err)
	}
	image := chartImage{Name: "certshim", Image: path.Join(values.Image.Registry, values.Image.Repository) + ":" + r.version.String()}
	for _, p := range r.platforms {
		if p.os == "linux" {
			image.Platforms = append(image.Platforms, p.String())
		}
	}
	return image, nil
}
