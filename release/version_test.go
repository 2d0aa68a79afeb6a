package main

import "testing"

func TestVersions(t *testing.T) {
	for text, valid := range map[string]bool{
		"v1.2.3": true, "v1.2.3-rc.1": true, "v0.0.0": true,
		"": false, "1.2.3": false, "v1.2": false, "v1": false, "v1.2.3+build": false, "dcb1346-dirty": false, "v01.2.3": false,
	} {
		if _, err := parseVersion(text); (err == nil) != valid {
			t.Errorf("%q: %v, want it to be valid: %v", text, err, valid)
		}
	}
}

func TestPlatforms(t *testing.T) {
	for text, valid := range map[string]bool{"linux/amd64": true, "linux": false, "/amd64": false, "linux/": false} {
		if p, err := parsePlatform(text); (err == nil) != valid || valid && p.String() != text {
			t.Errorf("%q: %v, %v, want it to be valid: %v", text, p, err, valid)
		}
	}
}
