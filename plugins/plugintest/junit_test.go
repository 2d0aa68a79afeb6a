package plugintest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certshim/certshim/plugins/plugintest"
)

const junit = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="certshim plugin test corp-ca" tests="4" failures="1" skipped="1" time="1.503">
    <properties>
      <property name="plugin" value="corp-ca"></property>
      <property name="version" value="v1"></property>
      <property name="verdict" value="NOT conformant (1 passed; 2 failed: R3 S2; 1 skipped: W2)"></property>
    </properties>
    <testcase classname="certshim.resolver.v1alpha1" name="R1 finds" time="0.003"></testcase>
    <testcase classname="certshim.resolver.v1alpha1" name="R3 misses" time="1.500">
      <failure message="look" type="MUST">it said &#34;&lt;&amp;�&#34;</failure>
    </testcase>
    <testcase classname="certshim.resolver.v1alpha1" name="S2 serves" time="0.000">
      <system-out>SHOULD: it serves reflection&#xA;leave it out</system-out>
    </testcase>
    <testcase classname="certshim.resolver.v1alpha1" name="W2 tells" time="0.000">
      <skipped message="no command"></skipped>
    </testcase>
  </testsuite>
</testsuites>
`

func TestTheReportAsJUnit(t *testing.T) {
	report := plugintest.Report{Plugin: "corp-ca", Version: "v1", Results: []plugintest.Result{
		{ID: "R1", Title: "finds", Level: plugintest.Must, Outcome: plugintest.Passed, Took: 3 * time.Millisecond},
		{ID: "R3", Title: "misses", Level: plugintest.Must, Outcome: plugintest.Failed, Took: 1500 * time.Millisecond, Detail: "it said \"<&\x00\"", Hint: "look"},
		{ID: "S2", Title: "serves", Level: plugintest.Should, Outcome: plugintest.Failed, Detail: "it serves reflection", Hint: "leave it out"},
		{ID: "W2", Title: "tells", Level: plugintest.Must, Outcome: plugintest.Skipped, Detail: "no command"},
	}}
	text, err := report.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(junit, string(text)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
