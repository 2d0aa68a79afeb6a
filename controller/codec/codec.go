package codec

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
)

// serializer is a [runtime.NegotiatedSerializer] that knows JSON alone.
type serializer struct{ media []runtime.SerializerInfo }

// New gives the serializer for the REST client of one resource, for [dynamic.New]. Field
// paths to leave out are such as "status" and "metadata.managedFields"; in a list they
// count within each item. Requests whose body is an object go out as client-go writes them.
//
// [dynamic.New]: https://pkg.go.dev/k8s.io/client-go/dynamic#New
func New(leaveOut ...string) runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	known := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{})
	return serializer{media: []runtime.SerializerInfo{{
		MediaType: runtime.ContentTypeJSON, MediaTypeType: "application", MediaTypeSubType: "json",
		EncodesAsText: true,
		Serializer:    objects{Serializer: known, unread: unreadOf(leaveOut)},
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

// unread is a tree of field names: one without any below it is left out, and so is all
// that it holds.
type unread map[string]unread

func unreadOf(paths []string) unread {
	root := unread{}
	for _, path := range paths {
		node := root
		for name := range strings.SplitSeq(path, ".") {
			if node[name] == nil {
				node[name] = unread{}
			}
			node = node[name]
		}
	}
	return root
}

// skips says whether a field is left out.
func (u unread) skips(name string) bool {
	below, named := u[name]
	return named && len(below) == 0
}
