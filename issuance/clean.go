package issuance

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Messages are cut to maxMessage bytes. Of a longer one no more than maxRead is looked at.
const (
	maxMessage = 4096
	maxRead    = 64 << 10
)

var (
	challengePath = regexp.MustCompile(`(/\.well-known/acme-challenge/)[^\s"'<>]+`)
	// keyAuthorization is a token, a dot and the thumbprint of an account's key.
	keyAuthorization = regexp.MustCompile(`[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{43,}`)
	mayBeToken       = regexp.MustCompile(`[A-Za-z0-9_-]{22,}`)
)

// hidden stands for what is left out of a message.
const hidden = "…"

// clean is a message of cert-manager or of a CA without tokens and keys of challenges, which both
// quote. It is cut to a bounded length.
func clean(message string) string {
	message = cut(message, maxRead)
	message = challengePath.ReplaceAllString(message, "${1}"+hidden)
	message = keyAuthorization.ReplaceAllString(message, hidden)
	message = mayBeToken.ReplaceAllStringFunc(message, func(word string) string {
		if looksRandom(word) {
			return hidden
		}
		return word
	})
	return strings.TrimSpace(cut(message, maxMessage))
}

// looksRandom says whether a long word has capitals, small letters and digits, as tokens in
// base64url do and the names of objects don't.
func looksRandom(word string) bool {
	return strings.ContainsFunc(word, unicode.IsUpper) && strings.ContainsFunc(word, unicode.IsLower) &&
		strings.ContainsFunc(word, unicode.IsDigit)
}

// cut shortens a text to at most so many bytes, at the beginning of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}
