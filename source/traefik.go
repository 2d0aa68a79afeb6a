package source

import (
	"fmt"
	"slices"
	"strings"
)

// maxTraefikRule bounds what is read of a rule, in bytes, and maxTraefikDepth its brackets.
const (
	maxTraefikRule  = 16 << 10
	maxTraefikDepth = 64
)

// traefikHosts gives the hosts that a rule of Traefik's names, in its order and each once: the
// arguments of Host and HostSNI that aren't negated. A rule is matchers, such as Host(`a.example`,
// `b.example`), joined by && and ||, negated by ! and grouped by brackets; the names of matchers are
// read in any case. "*", which HostSNI takes for every name, is none.
func traefikHosts(rule string) ([]string, error) {
	if len(rule) > maxTraefikRule {
		return nil, fmt.Errorf("the rule has %d bytes, must be at most %d", len(rule), maxTraefikRule)
	}
	p := traefikRule{text: rule}
	if p.space(); p.at == len(p.text) {
		return nil, nil
	}
	if err := p.either(false, 0); err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, p.wrong("&& or ||")
	}
	return p.hosts, nil
}

// traefikRule reads a rule from left to right.
type traefikRule struct {
	text  string
	at    int
	hosts []string
}

func (p *traefikRule) wrong(want string) error {
	found := "its end"
	if p.at < len(p.text) {
		found = fmt.Sprintf("%q", p.text[p.at:min(p.at+10, len(p.text))])
	}
	return fmt.Errorf("the rule has %s at character %d, must have %s there", found, p.at+1, want)
}

func (p *traefikRule) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take goes past a token, if it comes next.
func (p *traefikRule) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

// either reads terms that are joined by && and ||. Which hosts a rule names doesn't depend on which.
func (p *traefikRule) either(negated bool, depth int) error {
	for {
		if err := p.term(negated, depth); err != nil {
			return err
		}
		if !p.take("&&") && !p.take("||") {
			return nil
		}
	}
}

func (p *traefikRule) term(negated bool, depth int) error {
	for p.take("!") {
		negated = !negated
	}
	if !p.take("(") {
		return p.matcher(negated)
	}
	if depth == maxTraefikDepth {
		return fmt.Errorf("the rule has more than %d brackets in one another", maxTraefikDepth)
	}
	if err := p.either(negated, depth+1); err != nil {
		return err
	}
	if !p.take(")") {
		return p.wrong(")")
	}
	return nil
}

func (p *traefikRule) matcher(negated bool) error {
	p.space()
	start := p.at
	for p.at < len(p.text) && isLetter(p.text[p.at]) {
		p.at++
	}
	name := p.text[start:p.at]
	if name == "" || !p.take("(") {
		return p.wrong("a matcher, such as Host(`shop.example.com`)")
	}
	arguments, err := p.arguments()
	if err != nil {
		return err
	}
	if !negated && (strings.EqualFold(name, "Host") || strings.EqualFold(name, "HostSNI")) {
		for _, host := range arguments {
			if host != "*" && host != "" && !slices.Contains(p.hosts, host) {
				p.hosts = append(p.hosts, host)
			}
		}
	}
	return nil
}

// arguments are quoted texts up to the closing bracket, with commas in between.
func (p *traefikRule) arguments() ([]string, error) {
	var all []string
	for !p.take(")") {
		if len(all) > 0 && !p.take(",") {
			return nil, p.wrong(", or )")
		}
		text, err := p.quoted()
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}

// quoted reads a text in back quotes, which has no escapes, or in double quotes.
func (p *traefikRule) quoted() (string, error) {
	p.space()
	if p.at == len(p.text) || (p.text[p.at] != '`' && p.text[p.at] != '"') {
		return "", p.wrong("an argument in back quotes")
	}
	quote := p.text[p.at]
	p.at++
	var text strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == quote:
			return text.String(), nil
		case c == '\\' && quote == '"' && p.at < len(p.text):
			c = p.text[p.at]
			p.at++
		}
		text.WriteByte(c)
	}
	return "", p.wrong("the closing quote")
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
