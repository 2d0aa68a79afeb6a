// Package report writes an audit as one HTML file for people. The file needs nothing else: no
// library, no network. Its script and style are allowed by their hashes alone.
//
// [New] begins a report, [Writer.Add] takes one Certificate after another, and [Writer.Close] ends
// it. What is added goes out at once, as JSON whose strings are written once each (data.go). What
// is kept are the counts and the worst Certificates (tally.go), for the summary, the charts and the
// table that can be read without a script (page.go). page.js makes the tree of all fields out of
// the data, and page.css has the colours.
//
// Nothing that comes from an object is markup, style or script: text.go has what it goes through.
//
// It may import the standard library and the rooms problem and ownership. It opens no file and has
// no clock.
package report
