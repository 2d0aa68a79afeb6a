package differential

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/certshim/certshim/certificate"
	"github.com/certshim/certshim/cmd/certshim/app"
	"github.com/certshim/certshim/test/oracle"
)

// configs are apply configurations by namespace and name.
type configs map[string]map[string]any

func (c configs) put(config map[string]any) {
	object := unstructured.Unstructured{Object: config}
	c[object.GetNamespace()+"/"+object.GetName()] = object.DeepCopy().Object
}

// planned gives what `certshim plan -f - -o json` prints for an input.
func planned(in *Input) (configs, error) {
	var stdin, stdout, stderr bytes.Buffer
	for _, document := range in.documents() {
		content, err := yaml.Marshal(document.Object)
		if err != nil {
			return nil, fmt.Errorf("the input of plan: %w", err)
		}
		stdin.WriteString("---\n" + string(content))
	}
	args := append([]string{"certshim", "plan", "-f", "-", "-o", "json"}, flagsOf(in.Options)...)
	const unreadable = 2
	streams := app.Streams{In: &stdin, Out: &stdout, ErrOut: &stderr}
	if status := app.Run(context.Background(), args, streams); status >= unreadable {
		return nil, fmt.Errorf("plan ended with status %d: %s", status, stderr.String())
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if err := utiljson.Unmarshal(stdout.Bytes(), &list); err != nil {
		return nil, fmt.Errorf("the output of plan: %w", err)
	}
	out := configs{}
	for _, item := range list.Items {
		out.put(item)
	}
	return out, nil
}

func flagsOf(options oracle.Options) []string {
	return []string{
		"--default-issuer-name=" + options.DefaultIssuerName,
		"--default-issuer-kind=" + options.DefaultIssuerKind,
		"--default-issuer-group=" + options.DefaultIssuerGroup,
		"--auto-certificate-annotations=" + strings.Join(options.AutoAnnotations, ","),
		"--extra-certificate-annotations=" + strings.Join(options.ExtraAnnotations, ","),
		"--gateway-api-extra-protocols=" + strings.Join(options.ExtraProtocols, ","),
	}
}

// toBePlanned is what plan has to print: what certshim decides to write about every source
// of the input, as it decides of files.
func toBePlanned(in *Input) (configs, error) {
	out := configs{}
	for _, each := range in.asEach() {
		outcome, err := decided(each, true)
		if err != nil {
			return nil, err
		}
		for _, decision := range outcome.Certificates {
			if decision.Config != nil && (decision.Action == certificate.Create || decision.Action == certificate.Apply) {
				out.put(decision.Config)
			}
		}
	}
	return out, nil
}

// asEach gives the input once for each of its sources, which is then the one that is asked about.
func (in *Input) asEach() []*Input {
	out := []*Input{in}
	for i, other := range in.Others {
		turned := in.clone()
		turned.Others = append([]*Object{in.Object}, in.Others[:i]...)
		turned.Others = append(turned.Others, in.Others[i+1:]...)
		turned.Object = other
		out = append(out, turned)
	}
	if in.Gateway != nil {
		turned := in.clone()
		turned.Gateway, turned.Object = nil, in.Gateway
		turned.Others = append([]*Object{in.Object}, in.Others...)
		out = append(out, turned)
	}
	return out
}
