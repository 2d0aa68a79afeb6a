package codec

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
)

// serializer is a [runtime.NegotiatedSerializer] that knows JSON alone.
type serializer struct{ media []runtime.SerializerInfo }

// New gives the serializer for the REST client of one resource, for [dynamic.New]. It decodes
// the selected fields; where reader isn't nil, objects of a watch are what that makes of them,
// which [Read] gives. Requests whose body is an object go out as client-go writes them.
//
// [dynamic.New]: https://pkg.go.dev/k8s.io/client-go/dynamic#New
func New(selection *Selection, reader Reader) runtime.NegotiatedSerializer {
	var selected fields
	if selection != nil {
		selected = selection.root
	}
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	known := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{})
	return serializer{media: []runtime.SerializerInfo{{
		MediaType: runtime.ContentTypeJSON, MediaTypeType: "application", MediaTypeSubType: "json",
		EncodesAsText: true,
		Serializer:    objects{Serializer: known, selected: selected, reader: reader},
		StreamSerializer: &runtime.StreamSerializerInfo{
			EncodesAsText: true, Serializer: events{Serializer: known}, Framer: framer{},
		},
	}}}
}

func (s serializer) SupportedMediaTypes() []runtime.SerializerInfo { return s.media }

// EncoderForVersion gives the encoder as it is: the options of a request carry no version.
func (s serializer) EncoderForVersion(encoder runtime.Encoder, _ runtime.GroupVersioner) runtime.Encoder {
	return encoder
}

// DecoderToVersion gives the decoder as it is: nothing is converted.
func (s serializer) DecoderToVersion(decoder runtime.Decoder, _ runtime.GroupVersioner) runtime.Decoder {
	return decoder
}
