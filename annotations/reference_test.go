package annotations_test

import (
	"testing"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/declaration/pages"
)

func TestReferencePageIsUpToDate(t *testing.T) {
	pages.AreUpToDate(t, "go generate ./annotations", "../docs", map[string]string{"annotations.md": annotations.RenderReference()})
}
