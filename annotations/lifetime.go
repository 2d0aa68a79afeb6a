package annotations

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// durationAtLeast parses a Go duration of at least low.
func durationAtLeast(field func(*Request) **time.Duration, low time.Duration) parse {
	return func(r *reading, value string) {
		d, err := time.ParseDuration(value)
		switch {
		case err != nil:
			r.refuse(r.raw, "not a duration as Go writes them", nearestDuration(value, low))
		case d < low:
			r.refuse(r.raw, "shorter than "+short(low), short(low))
		default:
			*field(&r.request) = &d
		}
	}
}

const (
	hoursPerDay  = 24
	hoursPerWeek = 7 * hoursPerDay
	hoursPerYear = 365 * hoursPerDay
	maxUnits     = 1000 // of years; nobody means a longer duration
)

// nearestDuration suggests a valid duration for an invalid one: days, weeks and years are
// converted to hours, a number without a unit is taken as hours, and known units are
// lower-cased. It returns "" if the result is shorter than low.
func nearestDuration(value string, low time.Duration) string {
	digits := strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	n, err := strconv.Atoi(digits)
	unit := hoursOf(strings.ToLower(trim(value[len(digits):])))
	if err != nil || unit == 0 || n > maxUnits*hoursPerYear/unit {
		return validDuration(strings.ToLower(strings.ReplaceAll(value, " ", "")), low)
	}
	return validDuration(strconv.Itoa(n*unit)+"h", low)
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

func validDuration(suggestion string, low time.Duration) string {
	if d, err := time.ParseDuration(suggestion); err != nil || d < low {
		return ""
	}
	return suggestion
}

// checkLifetime checks renewBefore and renewBeforePercentage against the duration and against
// each other. Neither can be checked if the duration is invalid.
func (r *reading) checkLifetime() {
	q := &r.request
	if q.RenewBefore != nil && q.RenewBeforePercentage != nil {
		r.switchTo(cm.RenewBeforePercentageAnnotationKey)
		r.refuse(r.raw, "can't stand beside "+cm.RenewBeforeAnnotationKey+": one of the two")
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
		r.switchTo(cm.RenewBeforeAnnotationKey)
		r.refuse(r.raw, fmt.Sprintf("not shorter than %s, which is %s", cm.DurationAnnotationKey, durationInWords(q.Duration)))
		q.RenewBefore = nil
	}
	if q.RenewBeforePercentage != nil && !renewable(duration, *q.RenewBeforePercentage) {
		r.switchTo(cm.RenewBeforePercentageAnnotationKey)
		r.refuse(r.raw, fmt.Sprintf("leaves less than %s before or after the renewal: %s is %s", short(cm.MinimumRenewBefore), cm.DurationAnnotationKey, durationInWords(q.Duration)))
		q.RenewBeforePercentage = nil
	}
}

// giveUpRenewal drops both renewal fields and marks them as unread, so that an existing
// Certificate keeps its own.
func (r *reading) giveUpRenewal() {
	if r.request.RenewBefore != nil {
		r.request.RenewBefore = nil
		r.markUnread(FieldRenewBefore)
	}
	if r.request.RenewBeforePercentage != nil {
		r.request.RenewBeforePercentage = nil
		r.markUnread(FieldRenewBeforePercentage)
	}
}

// renewable reports whether renewal at p percent of the duration is at least 5 minutes from both
// ends. cert-manager's webhook takes the percentage from the start of the duration and its
// renewal from the end; as each rejects or ignores bad values, both must hold.
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

// short formats a duration as Go does, without zero minutes and seconds: 2160h.
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
