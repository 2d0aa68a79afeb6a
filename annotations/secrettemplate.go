package annotations

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func secretTemplate(r *reading, value string) {
	var template SecretTemplate
	if err := decodeTemplate(value, &template); err != nil {
		r.refuse(r.raw, err.Error())
		return
	}
	wrong := append(badAnnotations(template.Annotations), badLabels(template.Labels)...)
	for _, why := range wrong[:min(len(wrong), maxPerKey)] {
		r.refuse(r.raw, why)
	}
	if len(wrong) == 0 {
		r.request.SecretTemplate = template
	}
}

// decodeTemplate decodes exactly one JSON object. encoding/json alone would accept Annotations
// for annotations, the last of two equal fields, and null for a string.
func decodeTemplate(value string, into *SecretTemplate) error {
	decoder := json.NewDecoder(strings.NewReader(value))
	seen := map[string]bool{}
	err := eachField(decoder, func(name string) error {
		if seen[name] {
			return fmt.Errorf("the field %q occurs twice", name)
		}
		seen[name] = true
		switch name {
		case "annotations":
			return decodeStrings(decoder, &into.Annotations)
		case "labels":
			return decodeStrings(decoder, &into.Labels)
		}
		return fmt.Errorf("unknown field %q", name)
	})
	if err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func decodeStrings(decoder *json.Decoder, into *map[string]string) error {
	return eachField(decoder, func(name string) error {
		if _, twice := (*into)[name]; twice {
			return fmt.Errorf("the key %q occurs twice", name)
		}
		token, err := decoder.Token()
		if err != nil {
			return notJSON(err)
		}
		value, ok := token.(string)
		if !ok {
			return fmt.Errorf("the value of %q is not a string", name)
		}
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[name] = value
		return nil
	})
}

// eachField calls field for each field name of a JSON object; field must decode the value. A
// null counts as an empty object.
func eachField(decoder *json.Decoder, field func(name string) error) error {
	token, err := decoder.Token()
	if err != nil {
		return notJSON(err)
	}
	if token == nil {
		return nil
	}
	if token != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return notJSON(err)
		}
		if err := field(fmt.Sprint(name)); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil {
		return notJSON(err)
	}
	return nil
}

func notJSON(err error) error { return fmt.Errorf("not JSON: %w", err) }

// badAnnotations returns what cert-manager's webhook rejects, in the order of the keys.
func badAnnotations(in map[string]string) []string {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if strings.HasPrefix(key, Prefix) && key != cm.AllowsInjectionFromSecretAnnotation {
			wrong = append(wrong, fmt.Sprintf("the annotation %q is cert-manager's own", key))
		}
		for _, why := range validation.IsQualifiedName(strings.ToLower(key)) {
			wrong = append(wrong, fmt.Sprintf("the annotation key %q: %s", key, why))
		}
	}
	return wrong
}

func badLabels(in map[string]string) []string {
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(in)) {
		for _, why := range validation.IsQualifiedName(key) {
			wrong = append(wrong, fmt.Sprintf("the label key %q: %s", key, why))
		}
		for _, why := range validation.IsValidLabelValue(in[key]) {
			wrong = append(wrong, fmt.Sprintf("the label %q: %s", key, why))
		}
	}
	return wrong
}
