// Package report tests the HTML report of an audit as a person meets it, in Chromium without a
// window: at 20,000 Certificates, by keyboard, on paper, in both colour schemes, narrow, without
// scripts, and with hostile names in it.
//
// The browser is Debian's (make chromium). Where there is none these tests are skipped, and say so.
package report
