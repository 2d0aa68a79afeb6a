package routes

import (
	"encoding/json"
	"slices"
	"time"
)

// Record is what a Certificate itself says of the names that routes brought, so that nothing has to be
// stored elsewhere. Its zero value says nothing.
type Record struct {
	// Before are the times of certshim's writes before each of the last changes of names, oldest first.
	Before []time.Time `json:"before,omitempty"`
	// Added are the names that the last change added, at most [maxAdded]; More counts the others.
	Added []string `json:"added,omitempty"`
	More  int      `json:"more,omitempty"`
	// Replaced are the wildcards of listeners that the Certificate hasn't got, as it has names of routes instead.
	Replaced []string `json:"replaced,omitempty"`
}

// Bounds of a record.
const (
	maxBefore   = 5
	maxAdded    = 10
	maxReplaced = 64 // listeners of an object
	maxRecord   = 24 << 10
)

// ParseRecord reads what String wrote. What can't be read says nothing.
func ParseRecord(text string) Record {
	var r Record
	if len(text) > maxRecord || json.Unmarshal([]byte(text), &r) != nil {
		return Record{}
	}
	r.Before = r.Before[max(0, len(r.Before)-maxBefore):]
	r.Added = r.Added[:min(len(r.Added), maxAdded)]
	r.Replaced = r.Replaced[:min(len(r.Replaced), maxReplaced)]
	return r
}

// String is the record as a Certificate has it.
func (r Record) String() string {
	text, _ := json.Marshal(r) // times of a year that JSON can't have are never put in
	return string(text)
}

// with is the record after names were added to a Certificate that certshim wrote last at a time, zero for a new one.
// It follows from what was seen of the Certificate alone, so that the same change has the same record however often it
// is decided.
func (r Record) with(added []string, wrote time.Time) Record {
	before := r.Before
	if !wrote.IsZero() {
		before = append(slices.Clone(before), wrote.UTC())
	}
	return Record{
		Before: before[max(0, len(before)-maxBefore):],
		Added:  slices.Clone(added[:min(len(added), maxAdded)]), More: max(0, len(added)-maxAdded),
	}
}

// Names of one Certificate change at most once in shortPause, and in longPause after maxBefore changes
// in a day.
const (
	shortPause = 5 * time.Minute
	longPause  = 30 * time.Minute
	day        = 24 * time.Hour
)

// next is when the names of a Certificate may change again, which certshim wrote last at a time. The second of the
// times before changes is that of the first change, or later.
func (r Record) next(wrote, now time.Time) time.Time {
	if wrote.IsZero() {
		return time.Time{}
	}
	if len(r.Before) == maxBefore && now.Sub(r.Before[1]) < day {
		return wrote.Add(longPause)
	}
	return wrote.Add(shortPause)
}
