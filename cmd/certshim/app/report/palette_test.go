package report_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/certshim/certshim/ownership"
)

var variable = regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`)

// palette reads the colours of one scheme.
func palette(css string) map[string]string {
	out := map[string]string{}
	for _, match := range variable.FindAllStringSubmatch(css, -1) {
		out[match[1]] = match[2]
	}
	return out
}

// Browsers can't judge contrast in a list whose rows lie over one another, so this does, as
// WCAG 2.2 has it: 4.5 for text, 3 for what is drawn.
func TestPaletteHasContrast(t *testing.T) {
	const text, drawing = 4.5, 3
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(css), "@media screen and (prefers-color-scheme: dark) {")
	if !found {
		t.Fatal("page.css has no dark scheme")
	}
	dark, _, _ = strings.Cut(dark, "\n}\n")
	inks := map[string]float64{"ink": text, "soft": text, "bad": text, "warn": text, "note": text, "good": text, "accent": drawing, "edge": drawing}
	for _, class := range ownership.Classes() {
		word, _, _ := strings.Cut(string(class), " ")
		inks[word] = drawing
	}
	for scheme, colours := range map[string]map[string]string{"light": palette(light), "dark": palette(dark)} {
		for ink, least := range inks {
			for _, ground := range []string{"ground", "raised", "chosen"} {
				if got := contrast(t, colours[ink], colours[ground]); got < least {
					t.Errorf("%s: --%s on --%s has contrast %.2f, want %.1f", scheme, ink, ground, got, least)
				}
			}
		}
		if got := contrast(t, colours["ink"], colours["found"]); got < text {
			t.Errorf("%s: --ink on --found has contrast %.2f", scheme, got)
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		t.Fatalf("colour %q: %v", hex, err)
	}
	linear := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}
