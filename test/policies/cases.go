package policies

import (
	"slices"
	"strings"

	"github.com/certshim/certshim/annotations"
	"github.com/certshim/certshim/problem"
)

// Case is what an object has for annotations, and what is said of them.
type Case struct {
	Annotations map[string]string
	// Unreadable are the keys that the parser refuses, in the order of the table.
	Unreadable []string
	// Unseen says that CEL can't tell them from right ones.
	Unseen bool
}

// Refused are the keys that the policy refuses, in the order of the table.
func (c Case) Refused() []string {
	if c.Unseen {
		return nil
	}
	return c.Unreadable
}

// Rows are those of the annotation table that the policy has a rule for.
func Rows() []annotations.Row {
	return slices.DeleteFunc(annotations.Table(), func(row annotations.Row) bool { return row.Admits == nil })
}

// Cases are many values for each of [Rows], and some keys together.
func Cases() []Case {
	all := together()
	for _, row := range Rows() {
		of := written()[row.Key]
		for _, value := range slices.Concat(of.seen, of.unseen, anywhere(row)) {
			all = append(all, newCase(map[string]string{row.Key: value}, slices.Contains(of.unseen, value)))
		}
	}
	return all
}

func newCase(in map[string]string, unseen bool) Case {
	return Case{Annotations: in, Unreadable: Unreadable(in), Unseen: unseen}
}

// Unreadable are the keys that the parser refuses, in the order of the table.
func Unreadable(in map[string]string) []string {
	_, problems := annotations.NewParser(annotations.Options{}).Parse(in)
	wrong := map[string]bool{}
	for _, p := range problems.All() {
		wrong[p.Key] = wrong[p.Key] || p.Severity == problem.Error
	}
	var keys []string
	for _, row := range annotations.Table() {
		if wrong[row.Key] {
			keys = append(keys, row.Key)
		}
	}
	return keys
}

const p = annotations.Prefix

// values are what people write behind one key, right and wrong.
type values struct {
	// seen are those that the policy judges as the parser does.
	seen []string
	// unseen are those that the parser refuses, and that CEL can't tell from right ones.
	unseen []string
}

// anywhere are values that every key gets, the largest ones among them.
func anywhere(row annotations.Row) []string {
	word, label := strings.Repeat("a", annotations.MaxValue), strings.Repeat("a", 63)
	return []string{
		row.Example, " " + row.Example + "\n", "", " ", "\u00a0", "x",
		word, word + "a", strings.Repeat("a,", annotations.MaxValue/2), many(label), many(label) + ",b",
	}
}

// many is as long a list as is read.
func many(item string) string { return strings.Repeat(item+",", 999) + item }

func written() map[string]values {
	subject := values{seen: []string{`"a""b", "x, y",z`, `a"b`, `"a`, "a\nb", `"a" ,b`, ` "a" , "b"`, "a,,b", "a\rb", "\"a\nb\",c", many(`"ab"`), strings.Repeat(`"",`, 1001)}}
	hours := strings.Repeat("1h", annotations.MaxValue/2)
	return map[string]values{
		"certshim.io/conflicts": {seen: []string{"force", "yield", "fail", "Fail", "force,yield"}},
		p + "common-name":       {seen: []string{"a", strings.Repeat("ä", 32), strings.Repeat("ä", 33), strings.Repeat("a", 65)}},
		p + "alt-names": {
			seen: []string{
				"a.b, *.c.d,10.0.0.1", "a b", "A.B", "a_b.c", "a..b", "*", "*.*.a", "-a.b", strings.Repeat("a", 63) + ".b", strings.Repeat("a", 64) + ".b",
				strings.Repeat("a.", 127) + "b", strings.Repeat("a.", 126) + "b", "ä.b", "a.b.", "https://a.b", "2001:db8::1", " ,,a", "*.10.0.0.1", "a.b:443", "010.0.0.1",
			},
			unseen: []string{"::ffff:1.2.3.4.5", "2001:db8::1::2", ":"},
		},
		p + "ip-sans": {
			seen:   []string{"10.0.0.1, 2001:db8::1", "::ffff:1.2.3.4", "a.b", "10.0.0.1/24", "[::1]", "::", "fe80::1%eth0", many("2001:db8::1")},
			unseen: []string{"256.0.0.1", "010.0.0.1", "1::2::3"},
		},
		p + "uri-sans": {
			seen:   []string{"spiffe://a/b,urn:x:y", "/a", "a b:c", "ä:b", "http:", "spiffe://a/%2C", many("spiffe://example.com/ns/shop/sa/web")},
			unseen: []string{"http://[", "http://a/%zz", "a:#b"},
		},
		p + "email-sans": {
			seen:   []string{"a@b.c", "a", "a@b.c,,d", many("a@b.c")},
			unseen: []string{"a@", "@", "Bob <a@b.c>", "ä@b.c"},
		},
		p + "duration": {
			seen: []string{
				"1h", "59m", "+2h", "-5h", "90d", "2160", "0", "1.5h", ".5h", "1h30m", "3e3h", "999999h999999h", "1h1h1h", "0000000000001h",
				"3600000000000ns", "60.0m", "1.h", "60.1234567891m", "1H", "1µs", "3600000001µs", "3600000001μs", ".h", hours,
			},
			unseen: []string{"9999999999h", "1m1m1m"},
		},
		p + "renew-before":            {seen: []string{"5m", "4m59s", "2160h", "2159h59m", "1h"}, unseen: []string{hours}},
		p + "renew-before-percentage": {seen: []string{"1", "99", "0", "100", "+5", "-5", "007", "5%", "1.5", "٣", "00000000000000000000007"}},
		p + "revision-history-limit":  {seen: []string{"1", "2147483647", "2147483648", "0", "-1", "9999999999", "99999999999", "0x1", "1_000"}},
		p + "usages":                  {seen: []string{"any,\tserver auth", "s/mime", "serverAuth", ",", "any," + strings.Repeat(" ,", 1000), many("digital signature")}},
		p + "private-key-algorithm":   {seen: []string{"RSA", "rsa", "Ed25519", " ECDSA "}},
		p + "private-key-encoding":    {seen: []string{"PKCS1", "PKCS8", "pkcs8"}},
		p + "private-key-size": {seen: []string{
			"2048", "2047", "8192", "8193", "+4096", "04096", "4096x", "256", "-2048", "0", "9999999999999999999999",
		}},
		p + "private-key-rotation-policy": {seen: []string{"Never", "Always", "always"}},
		p + "secret-template":             {seen: []string{`{"labels":{}}`, "null", "[]", "labels: {}"}, unseen: []string{"{", "nullx", `{"other":{}}`, `{"labels":{"a":1}}`}},
		p + "subject-organizations":       subject,
		p + "subject-organizationalunits": subject,
		p + "subject-countries":           subject,
		p + "subject-provinces":           subject,
		p + "subject-localities":          subject,
		p + "subject-postalcodes":         subject,
		p + "subject-streetaddresses":     subject,
	}
}

// together are cases of several keys.
func together() []Case {
	const duration, renewBefore, percentage, algorithm, size = p + "duration", p + "renew-before", p + "renew-before-percentage", p + "private-key-algorithm", p + "private-key-size"
	list := strings.Repeat(strings.Repeat("a", 60)+",", 1000)
	all := []Case{newCase(map[string]string{duration: "1h", percentage: "1"}, true)}
	for _, in := range []map[string]string{
		{duration: "2h", renewBefore: "2h"},
		{duration: "2h", renewBefore: "1h59m"},
		{duration: "90d", renewBefore: "2h"},
		{duration: "90d", renewBefore: "2d"},
		{duration: "30m", renewBefore: "40m"},
		{renewBefore: "2h", percentage: "5"},
		{renewBefore: "2d", percentage: "5"},
		{renewBefore: "4m", percentage: "5"},
		{algorithm: "ECDSA", size: "2048"},
		{algorithm: "ECDSA", size: "+0384"},
		{algorithm: "Ed25519", size: "7"},
		{algorithm: "Ed25519", size: "x"},
		{algorithm: "rsa", size: "7"},
		{p + "alt-names": list, p + "uri-sans": list, p + "usages": list, p + "subject-countries": list}, // as large as an object's annotations may be
	} {
		all = append(all, newCase(in, false))
	}
	return all
}
