package main

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		text  string
		width int
		want  []string
	}{
		{"BadConfig: a b", 0, []string{"BadConfig: a b"}},
		{"aa bb cc", 5, []string{"aa bb", "cc"}},
		{"aa bb cc", 8, []string{"aa bb cc"}},
		{"a longer-than-that b", 6, []string{"a", "longer-than-that", "b"}},
		{"ää öö", 5, []string{"ää öö"}},
		{"", 5, []string{""}},
	} {
		if got := wrap(tt.text, tt.width); !slices.Equal(got, tt.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", tt.text, tt.width, got, tt.want)
		}
	}
}
