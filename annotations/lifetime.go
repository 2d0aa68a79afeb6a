package annotations

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// span takes a Go duration of at least low.
func span(field func(*Request) **time.Duration, low time.Duration) parse {
	return func(r *reading, value string) {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil:
			r.refuse(r.written, "not a duration as Go writes them", nearestDuration(value, low))
		case d < low:
			r.refuse(r.written, "shorter than "+short(low), short(low))
		default:
			*field(&r.request) = &d
		}
	}
}

const (
	hoursPerDay  = 24
	hoursPerWeek = 7 * hoursPerDay
	hoursPerYear = 365 * hoursPerDay
	maxUnits     = 1000 // of years; more is no duration that anybody means
)

// nearestDuration is a number with a unit that Go doesn't know, or with none, in hours;
// a known unit in the wrong case is put right. "" if there is none of at least low.
func nearestDuration(value string, low time.Duration) string {
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	n, err := strconv.Atoi(digits)
	unit := hoursOf(strings.ToLower(trim(value[len(digits):])))
	if err != nil || unit == 0 || n > maxUnits*hoursPerYear/unit {
		return onlyIfValid(strings.ToLower(strings.ReplaceAll(value, " ", "")), low)
	}
	return onlyIfValid(strconv.Itoa(n*unit)+"h", low)
}

func hoursOf(unit string) int {
	switch unit {
	case "", "h", "hour", "hours":
		return 1
	case "d", "day", "days":
		return hoursPerDay
	case "w", "week", "weeks":
		return hoursPerWeek
	case "y", "year", "years":
		return hoursPerYear
	}
	return 0
}

func onlyIfValid(suggestion string, low time.Duration) string {
	if d, err := time.ParseDuration(suggestion); err != nil || d < low {
		return ""
	}
	return suggestion
}

// checkLifetime holds the two ways to say when to renew against the duration and
// against each other. Where the duration can't be read, neither can be judged.
func (r *reading) checkLifetime() {
	q := &r.request
	if q.RenewBefore != nil && q.RenewBeforePercentage != nil {
		r.about(cm.RenewBeforePercentageAnnotationKey).
			refuse(r.written, "can't stand beside "+cm.RenewBeforeAnnotationKey+": one of the two")
		r.giveUpRenewal()
	}
	if r.isUnread(FieldDuration) {
		r.giveUpRenewal()
		return
	}
	duration := cm.DefaultCertificateDuration
	if q.Duration != nil {
		duration = *q.Duration
	}
	if q.RenewBefore != nil && *q.RenewBefore >= duration {
		r.about(cm.RenewBeforeAnnotationKey).
			refuse(r.written, fmt.Sprintf("not shorter than %s, which is %s", cm.DurationAnnotationKey, durationInWords(q.Duration)))
		q.RenewBefore = nil
	}
	if q.RenewBeforePercentage != nil && !renewable(duration, *q.RenewBeforePercentage) {
		r.about(cm.RenewBeforePercentageAnnotationKey).
			refuse(r.written, fmt.Sprintf("of %s, which is %s: less than %s before the end, or after the start", cm.DurationAnnotationKey, durationInWords(q.Duration), short(cm.MinimumRenewBefore)))
		q.RenewBeforePercentage = nil
	}
}

// giveUpRenewal leaves both fields of renewal as they are on an existing Certificate.
func (r *reading) giveUpRenewal() {
	if r.request.RenewBefore != nil {
		r.request.RenewBefore = nil
		r.unread(FieldRenewBefore)
	}
	if r.request.RenewBeforePercentage != nil {
		r.request.RenewBeforePercentage = nil
		r.unread(FieldRenewBeforePercentage)
	}
}

// renewable says whether renewal at p per cent of the duration before its end is far
// enough from both ends. cert-manager's webhook measures from the other end than its
// renewal does; as either refuses or ignores the value, both must hold.
func renewable(duration time.Duration, p int32) bool {
	before := func(percent int32) time.Duration {
		return time.Duration(float64(duration) * float64(percent) / 100)
	}
	renewal, webhook := before(p), before(100-p)
	return min(renewal, webhook) >= cm.MinimumRenewBefore && max(renewal, webhook) < duration
}

func durationInWords(d *time.Duration) string {
	if d == nil {
		return short(cm.DefaultCertificateDuration) + " if not set"
	}
	return short(*d)
}

// short is Go's form without zero minutes and seconds: 2160h.
func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if strings.HasSuffix(s, "h0m") {
		return strings.TrimSuffix(s, "0m")
	}
	if s == "" || s[len(s)-1] >= '0' && s[len(s)-1] <= '9' || !strings.HasSuffix(d.String(), "m0s") {
		return d.String()
	}
	return s
}
