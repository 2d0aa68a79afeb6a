package report

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browsers are the names of the programs that will do, the smallest first.
var browsers = []string{"chromium-headless-shell", "chromium", "google-chrome"}

// browser is one Chromium for all tests.
var browser context.Context

func TestMain(m *testing.M) {
	for _, name := range browsers {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.DisableGPU)
		if os.Geteuid() == 0 {
			// Chromium refuses to run as root in its own sandbox.
			options = append(options, chromedp.NoSandbox)
		}
		allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
		first, end := chromedp.NewContext(allocator)
		browser = first
		code := m.Run()
		end()
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// view is one tab, and what it said and asked for.
type view struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	requests []string
	messages []string
}

// open opens an empty tab of a size.
func open(t testing.TB, width, height int64) *view {
	t.Helper()
	if browser == nil {
		t.Skip("no Chromium is installed, so that the HTML report is not seen in one: make chromium")
	}
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	v := &view{t: t, ctx: ctx}
	v.do(chromedp.EmulateViewport(width, height))
	go func() {
		for message, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			v.mu.Lock()
			v.messages = append(v.messages, fmt.Sprintf("%s: %s", message.Type, message.Text))
			v.mu.Unlock()
		}
	}()
	call(v, network.Enable, network.EnableParams{})
	err := chromedp.Listen(ctx, func(event any) {
		if sent, isRequest := event.(*network.EventRequestWillBeSent); isRequest {
			v.mu.Lock()
			v.requests = append(v.requests, sent.Request.URL)
			v.mu.Unlock()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *view) do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.t.Fatal(err)
	}
}

// seen evaluates an expression in the page.
func seen[T any](v *view, expression string) T {
	v.t.Helper()
	out, err := chromedp.Run(v.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		v.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// await waits until an expression holds.
func (v *view) await(expression string) {
	v.t.Helper()
	if _, err := chromedp.Run(v.ctx, chromedp.Poll[bool](expression)); err != nil {
		v.t.Fatalf("it never came that %s: %v", expression, err)
	}
}

// scheme sets the colour scheme that the person prefers.
func (v *view) scheme(scheme string) {
	v.t.Helper()
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// silent fails if the page wrote to the console: that is where a violation of its policy shows.
func (v *view) silent() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, message := range v.messages {
		v.t.Errorf("console: %s", message)
	}
}

// reports are the files of the tests, each made once.
var reports sync.Map

// sample is the address of a report of n Certificates.
func sample(t testing.TB, n int) string {
	t.Helper()
	return file(t, fmt.Sprintf("sample-%d", n), func(w *bytes.Buffer) error { return Sample(w, n) })
}

func file(t testing.TB, name string, write func(w *bytes.Buffer) error) string {
	t.Helper()
	content, known := reports.Load(name)
	if !known {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		content = b.Bytes()
		reports.Store(name, content)
	}
	path := filepath.Join(t.TempDir(), name+".html")
	if err := os.WriteFile(path, content.([]byte), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + path
}

// keep writes a screenshot to the folder of SCREENSHOTS, for a person to look at.
func (v *view) keep(name string) {
	v.t.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(v.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
		v.t.Fatal(err)
	}
}
