package differential

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certshim/certshim/test/oracle"
)

// valueRows are about what stands behind an annotation key.
func valueRows() []Row {
	return slices.Concat(cleanedRows(), readRows(), solverRows(), refusedRows(), badRows())
}

// cleanedRows are about white space, empty values and lists.
func cleanedRows() []Row {
	return []Row{
		{
			Name: "value-trimmed",
			Says: "White space around a single value doesn't count.",
			Hits: func(s *situation) bool { return s.anyValue(singleKeys(), isPadded) },
			AsIf: func(s *situation) { s.edit(singleKeys(), isPadded, strings.TrimSpace) },
		},
		{
			Name: "value-empty",
			Says: "An empty value is the same as no annotation, for every key.",
			Hits: func(s *situation) bool { return s.anyValue(emptyCounts(), isBlank) || s.anyValue(textKeys(), isWhite) },
			AsIf: func(s *situation) {
				s.edit(emptyCounts(), isBlank, nothing)
				s.edit(textKeys(), isWhite, nothing)
			},
		},
		listRow("alt-names-cleaned", altNamesKey, plainItems),
		listRow("ip-sans-cleaned", ipSansKey, plainItems),
		listRow("email-sans-cleaned", emailSansKey, plainItems),
		listRow("usages-cleaned", usagesKey, func(value string) []string {
			items := plainItems(value)
			for i := range items {
				items[i] = strings.Trim(items[i], " ")
			}
			return items
		}),
		{
			Name: "subject-cleaned",
			Says: "Of a subject's list, white space before a quote and at both ends, empty items and repeats are dropped.",
			Hits: func(s *situation) bool { return s.anyValue(subjectKeys, subjectDiffers) },
			AsIf: func(s *situation) { s.edit(subjectKeys, subjectDiffers, cleanSubject) },
		},
	}
}

// readRows are about values that certshim reads as something else.
func readRows() []Row {
	return []Row{
		{
			Name: "alt-names-addresses",
			Says: "IP addresses among alt-names are IP addresses, not DNS names.",
			Hits: func(s *situation) bool { return slices.ContainsFunc(items(s.in.Object.Annotations[altNamesKey]), isIP) },
			AsIf: addressesApart,
		},
		{
			Name: "uri-sans-read",
			Says: "uri-sans is read.",
			Hits: func(s *situation) bool {
				return len(uris(s.in.Object.Annotations[uriSansKey])) > 0 && len(s.wanted()) > 0
			},
			Then: func(s *situation) {
				s.rewrite(func(certificate map[string]any) {
					set(certificate, anys(uris(s.in.Object.Annotations[uriSansKey])), "spec", "uris")
				})
			},
		},
		{
			Name: "ed25519-without-size",
			Says: "With Ed25519 private-key-size isn't written.",
			Hits: func(s *situation) bool {
				_, err := strconv.Atoi(s.in.Object.Annotations[sizeKey])
				return err == nil && s.in.Object.Annotations[algorithmKey] == "Ed25519"
			},
			AsIf: func(s *situation) { drop(s.in.Object, sizeKey) },
		},
		{
			Name: "template-injection",
			Says: "secret-template may allow the direct injection of the Secret, as the API does.",
			Hits: func(s *situation) bool { return injects(s.in.Object.Annotations[templateKey]) },
			AsIf: func(s *situation) {
				s.template, _ = strictTemplate(s.in.Object.Annotations[templateKey])
				drop(s.in.Object, templateKey)
			},
			Then: func(s *situation) {
				s.rewrite(func(certificate map[string]any) { set(certificate, s.template, "spec", "secretTemplate") })
			},
		},
	}
}

// solverRows are about ACME's HTTP-01 solver.
func solverRows() []Row {
	return []Row{
		{
			Name: "edit-in-place-on-ingress",
			Says: "http01-edit-in-place does nothing on a Gateway or ListenerSet: there is no Ingress to edit.",
			Hits: func(s *situation) bool {
				return s.in.Object.Kind != ingressKind && s.in.Object.Annotations[editInPlaceKey] == "true"
			},
			AsIf: func(s *situation) { drop(s.in.Object, editInPlaceKey) },
		},
		{
			Name: "edit-in-place-or-class",
			Says: "Beside http01-edit-in-place the ingress class isn't written: of both, the Order fails.",
			Hits: func(s *situation) bool {
				a := s.in.Object.Annotations
				return s.in.Object.Kind == ingressKind && a[editInPlaceKey] == "true" && (a[ingressClassKey] != "" || a[ingressClassNameKey] != "")
			},
			AsIf: func(s *situation) { drop(s.in.Object, ingressClassKey, ingressClassNameKey) },
		},
	}
}

// refusedRows are about values that upstream takes and certshim doesn't, one row a field.
func refusedRows() []Row {
	var rows []Row
	for _, f := range []struct {
		name, says string
		keys       []string
	}{
		{"common-name-length", "A common-name of more than 64 bytes is refused at once.", []string{commonNameKey}},
		{"alt-names-refused", "What is neither a DNS name nor an IP address is refused as an alt-name.", []string{altNamesKey}},
		{"ip-sans-refused", "What isn't an IP address is refused in ip-sans.", []string{ipSansKey}},
		{"uri-sans-refused", "What isn't an absolute URI is refused in uri-sans.", []string{uriSansKey}},
		{"email-sans-refused", "What isn't a bare e-mail address is refused in email-sans.", []string{emailSansKey}},
		{"lifetime-refused", "A duration or renewal that the API would refuse, or that renewal would ignore, is refused at once.", []string{durationKey, renewBeforeKey, percentageKey}},
		{"template-refused", "secret-template is one JSON object with exact names, strings, and labels that are labels.", []string{templateKey}},
	} {
		rows = append(rows, Row{
			Name: f.name, Says: f.says,
			Hits: func(s *situation) bool {
				return len(s.in.Object.names()) > 0 && slices.ContainsFunc(s.unreadable(f.keys), s.upstreamReads)
			},
			AsIf: func(s *situation) { s.giveUp(f.keys, true) },
			Then: keepUnread,
		})
	}
	return rows
}

// badRows are about what a value costs that neither side takes.
func badRows() []Row {
	return []Row{{
		Name: "bad-value-alone",
		Says: "A value that can't be read costs its own field only: an existing Certificate keeps that field and gets the rest.",
		Hits: func(s *situation) bool {
			return s.ownsSome() && slices.ContainsFunc(s.unreadable(allKeys()), func(key string) bool { return !s.upstreamReads(key) })
		},
		AsIf: func(s *situation) { s.giveUp(allKeys(), false) },
		Then: keepUnread,
	}}
}

func plainItems(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

// listRow is about a list whose items upstream reads by theirs.
func listRow(name, key string, theirs func(string) []string) Row {
	differs := func(value string) bool { return !isBlank(value) && !slices.Equal(items(value), theirs(value)) }
	return Row{
		Name: name,
		Says: "Items of " + strings.TrimPrefix(key, prefix) + " are trimmed; empty ones and repeats are dropped.",
		Hits: func(s *situation) bool { return differs(s.in.Object.Annotations[key]) },
		AsIf: func(s *situation) {
			s.edit([]string{key}, differs, func(value string) string { return strings.Join(items(value), ",") })
		},
	}
}

func singleKeys() []string {
	return append(textKeys(), durationKey, renewBeforeKey, percentageKey, historyKey, algorithmKey, encodingKey, sizeKey, rotationKey)
}

func textKeys() []string {
	return []string{commonNameKey, serialKey, ingressClassKey, ingressClassNameKey, editInPlaceKey, fallbackKey}
}

// emptyCounts are the keys of which upstream makes something when they are empty.
func emptyCounts() []string {
	return append([]string{
		emailSansKey, durationKey, renewBeforeKey, percentageKey, usagesKey, historyKey,
		algorithmKey, encodingKey, sizeKey, rotationKey, templateKey,
	}, subjectKeys...)
}

func isWhite(value string) bool { return value != "" && isBlank(value) }

func nothing(string) string { return "" }

func (s *situation) anyValue(keys []string, match func(string) bool) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		value, found := s.in.Object.Annotations[key]
		return found && match(value)
	})
}

// edit rewrites the values that match; what becomes empty goes.
func (s *situation) edit(keys []string, match func(string) bool, to func(string) string) {
	for _, key := range keys {
		value, found := s.in.Object.Annotations[key]
		if !found || !match(value) {
			continue
		}
		if value = to(value); value == "" {
			delete(s.in.Object.Annotations, key)
		} else {
			s.in.Object.Annotations[key] = value
		}
	}
}

// rewrite edits each Certificate that is wanted, as it is left behind.
func (s *situation) rewrite(edit func(map[string]any)) {
	for _, name := range s.wanted() {
		if certificate, found := s.after[name]; found {
			edit(certificate)
		}
	}
}

// record reads a CSV record as upstream does.
func record(value string) ([]string, bool) {
	reader := csv.NewReader(strings.NewReader(value))
	items, err := reader.Read()
	if err != nil {
		return nil, false
	}
	_, err = reader.Read()
	return items, err == io.EOF
}

// subjectItems are the items of a subject's list as certshim reads them.
func subjectItems(value string) ([]string, bool) {
	parts, ok := record(closeUp(strings.TrimSpace(value)))
	if !ok {
		return nil, false
	}
	var out []string
	for _, part := range parts {
		if part != "" && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out, true
}

// closeUp takes the blanks out between a comma and a quote; good for values in which no
// quoted item has such a sequence.
func closeUp(value string) string {
	for strings.Contains(value, `, "`) {
		value = strings.ReplaceAll(value, `, "`, `,"`)
	}
	return value
}

func subjectDiffers(value string) bool {
	ours, ok := subjectItems(value)
	if !ok || isBlank(value) {
		return false
	}
	theirs, fine := record(value)
	return !fine || !slices.Equal(ours, theirs)
}

func cleanSubject(value string) string {
	parts, _ := subjectItems(value)
	if len(parts) == 0 {
		return ""
	}
	var b strings.Builder
	writer := csv.NewWriter(&b)
	if err := writer.Write(parts); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	writer.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

func isIP(name string) bool { return net.ParseIP(name) != nil }

func addressesApart(s *situation) {
	a := s.in.Object.Annotations
	var names, addresses []string
	for _, item := range items(a[altNamesKey]) {
		if isIP(item) {
			addresses = append(addresses, item)
		} else {
			names = append(names, item)
		}
	}
	for _, item := range items(a[ipSansKey]) {
		if !slices.Contains(addresses, item) {
			addresses = append(addresses, item)
		}
	}
	a[ipSansKey], a[altNamesKey] = strings.Join(addresses, ","), strings.Join(names, ",")
}

// uris are the absolute ones of a list.
func uris(value string) []string {
	return once("uris", slices.DeleteFunc(items(value), func(item string) bool {
		parsed, err := url.Parse(item)
		return err != nil || !parsed.IsAbs()
	}))
}

func injects(value string) bool {
	template, ok := strictTemplate(value)
	_, found := at(template, "annotations")["cert-manager.io/allow-direct-injection"]
	return ok && found
}

// strictTemplate reads one JSON object of maps of strings, and says whether the API would take it.
func strictTemplate(value string) (map[string]any, bool) {
	var template map[string]map[string]string
	if json.Unmarshal([]byte(value), &template) != nil || strings.Contains(value, "null") && strings.TrimSpace(value) != "null" {
		return nil, false
	}
	out := map[string]any{}
	for field, entries := range template {
		inner := map[string]any{}
		for key, text := range entries {
			if !templateEntry(field, key, text) {
				return nil, false
			}
			inner[key] = text
		}
		out[field] = inner
	}
	return out, true
}

func templateEntry(field, key, value string) bool {
	switch field {
	case "annotations":
		forbidden := strings.HasPrefix(key, prefix) && key != prefix+"allow-direct-injection"
		return !forbidden && len(validation.IsQualifiedName(strings.ToLower(key))) == 0
	case "labels":
		return len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0
	}
	return false
}

// unreadable are the keys among some whose value certshim can't read.
func (s *situation) unreadable(keys []string) []string {
	var out []string
	for _, key := range keys {
		if value, found := s.in.Object.Annotations[key]; found && !isBlank(value) && !s.reads(key, value) {
			out = append(out, key)
		}
	}
	return out
}

// upstreamReads says whether upstream makes something of the value of a key.
func (s *situation) upstreamReads(key string) bool {
	algorithm := s.in.Object.Annotations[algorithmKey]
	probe := &Object{
		Kind: ingressKind, Namespace: "shop", Name: "probe", UID: "uid",
		Annotations: map[string]string{issuerKey: "ca", key: s.in.Object.Annotations[key]},
		Entries:     []Entry{{Hosts: []string{"a.example.com"}, Refs: []Ref{{Name: "a-tls"}}}},
	}
	if key == sizeKey && algorithm != "" {
		probe.Annotations[algorithmKey] = algorithm
	}
	result, err := oracle.Run(oracle.Defaults(), probe.manifest())
	return err == nil && result.Err == nil
}

// reads says whether certshim makes something of the value of a key; cleaned values only.
func (s *situation) reads(key, value string) bool {
	switch key {
	case commonNameKey:
		return len(value) <= 64
	case altNamesKey, ipSansKey, emailSansKey, uriSansKey:
		return len(badItems(key, value)) == 0
	case durationKey, renewBeforeKey, percentageKey:
		return s.readsLifetime(key)
	case templateKey:
		_, ok := strictTemplate(value)
		return ok
	}
	return s.upstreamReads(key)
}

func badItems(key, value string) []string {
	return slices.DeleteFunc(items(value), func(item string) bool {
		switch key {
		case altNamesKey:
			return isIP(item) || !badName(strings.ReplaceAll(item, "_", "x"))
		case ipSansKey:
			return isIP(item)
		case uriSansKey:
			return len(uris(item)) == 1
		}
		address, err := mail.ParseAddress(item)
		return err == nil && address.Address == item
	})
}

// readsLifetime judges the three keys of the lifetime together.
func (s *situation) readsLifetime(key string) bool {
	a := s.in.Object.Annotations
	duration, isDuration := span(a[durationKey], "2160h", time.Hour)
	_, percentage := a[percentageKey]
	before, isBefore := span(a[renewBeforeKey], "", 5*time.Minute)
	percent, err := strconv.ParseInt(a[percentageKey], 10, 32)
	isPercent := err == nil && percent >= 1 && percent <= 99
	switch key {
	case durationKey:
		return isDuration
	case renewBeforeKey:
		return isBefore && isDuration && before < duration && (!percentage || !isPercent)
	}
	renewal := time.Duration(float64(duration) * float64(percent) / 100)
	_, renewsBefore := a[renewBeforeKey]
	return isPercent && isDuration && min(renewal, duration-renewal) >= 5*time.Minute && (!renewsBefore || !isBefore)
}

func span(value, unset string, least time.Duration) (time.Duration, bool) {
	if value == "" {
		value = unset
	}
	d, err := time.ParseDuration(value)
	return d, err == nil && d >= least
}

// fieldOf is the field of the spec that a key speaks of.
func fieldOf(key string) string {
	if slices.Contains(subjectKeys, key) {
		return "subject"
	}
	return map[string]string{
		commonNameKey: "commonName", altNamesKey: "dnsNames", ipSansKey: "ipAddresses", emailSansKey: "emailAddresses",
		uriSansKey: "uris", serialKey: "subject", durationKey: "duration", renewBeforeKey: "renewBefore",
		percentageKey: "renewBeforePercentage", usagesKey: "usages", historyKey: "revisionHistoryLimit",
		algorithmKey: "privateKey", encodingKey: "privateKey", sizeKey: "privateKey", rotationKey: "privateKey",
		templateKey: "secretTemplate",
	}[key]
}

func allKeys() []string {
	return append([]string{
		commonNameKey, altNamesKey, ipSansKey, emailSansKey, uriSansKey, durationKey, renewBeforeKey, percentageKey,
		usagesKey, historyKey, algorithmKey, encodingKey, sizeKey, rotationKey, templateKey,
	}, subjectKeys...)
}

// giveUp takes the values out that can't be read, with theirs alone those that upstream
// reads; of a list of names the good ones stay.
func (s *situation) giveUp(keys []string, theirs bool) {
	for _, key := range s.unreadable(keys) {
		if s.upstreamReads(key) != theirs {
			continue
		}
		s.unread[fieldOf(key)] = true
		value := s.in.Object.Annotations[key]
		delete(s.in.Object.Annotations, key)
		if !slices.Contains([]string{altNamesKey, ipSansKey, emailSansKey, uriSansKey}, key) {
			continue
		}
		bad := badItems(key, value)
		if good := slices.DeleteFunc(items(value), func(item string) bool { return slices.Contains(bad, item) }); len(good) > 0 {
			s.in.Object.Annotations[key] = strings.Join(good, ",")
		}
	}
}

// ownsSome says whether the source has Certificates.
func (s *situation) ownsSome() bool {
	for _, certificate := range s.in.Existing {
		if owner(certificate) == s.in.Object.UID {
			return true
		}
	}
	return false
}

// keepUnread makes no new Certificate, and gives an existing one the live value of each
// field that can't be read.
func keepUnread(s *situation) {
	for _, name := range s.wanted() {
		before, exists := s.before[name]
		after, there := s.after[name]
		switch {
		case !there:
		case !exists:
			delete(s.after, name)
		default:
			s.keepFields(after, before)
		}
	}
}

func (s *situation) keepFields(after, before map[string]any) {
	for field := range s.unread {
		if slices.Contains(nameFields, field) {
			keepNames(after, before)
			continue
		}
		set(after, get(before, "spec", field), "spec", field)
	}
}
