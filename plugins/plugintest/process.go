package plugintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/certshim/certshim/plugins/remote"
)

// usage is what a process uses.
type usage struct {
	threads, files int
	// memory is the resident set size, in bytes.
	memory int
}

// findProcess finds the plugin's process, or records why it can't be inspected: that works only
// on Linux, and only for the same user.
func (p *probe) findProcess(ctx context.Context) {
	process, err := remote.Listener(ctx, p.socket)
	p.pid = process.PID
	switch {
	case err != nil:
		p.unseen = err.Error()
	case p.pid == 0:
		p.unseen = "the plugin's process can't be seen from here"
	case p.pid == os.Getpid():
		p.unseen = "the plugin runs in the kit's own process"
	default:
		if _, err := p.usage(); err != nil {
			p.unseen = "the plugin's process can't be looked at: " + err.Error()
		}
	}
}

func needsProcess(p *probe) string { return p.unseen }

// usage reads /proc; see proc(5) for the numbers of the fields.
func (p *probe) usage() (usage, error) {
	const state, threads, resident = 3, 20, 24
	folder := filepath.Join("/proc", strconv.Itoa(p.pid))
	content, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return usage{}, err
	}
	fields := afterName(content)
	if len(fields) <= resident-state {
		return usage{}, fmt.Errorf("%s/stat has %d fields", folder, len(fields))
	}
	count, wrongCount := strconv.Atoi(fields[threads-state])
	pages, wrongPages := strconv.Atoi(fields[resident-state])
	files, err := os.ReadDir(filepath.Join(folder, "fd"))
	return usage{threads: count, files: len(files), memory: pages * os.Getpagesize()}, errors.Join(wrongCount, wrongPages, err)
}

// runs reports whether the process hasn't ended. A zombie has ended.
func (p *probe) runs() bool {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "stat"))
	fields := afterName(content)
	return err == nil && len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// afterName returns the fields of a stat file from the state on. The name before them, in
// parentheses, may contain anything.
func afterName(stat []byte) []string {
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// leavesNoWork checks that no thread is busy one second after calls whose deadline passed.
// Threads that wait for a processor count as busy.
func leavesNoWork(ctx context.Context, p *probe) error {
	const looks, pause, most = 20, 50 * time.Millisecond, 10
	p.callWithDeadlines(ctx, 20, 50, 90, 90, 90, 90)
	if err := restFor(ctx, time.Second); err != nil {
		return err
	}
	busy := 0
	for range looks {
		working, err := p.working()
		if err := errors.Join(err, restFor(ctx, pause)); err != nil {
			return err
		}
		if working {
			busy++
		}
	}
	if busy > most {
		return fmt.Errorf("nobody waits for an answer any more, and it was at work in %d of %d looks within the next second", busy, looks)
	}
	return nil
}

// working reports whether a thread runs or is ready to run.
func (p *probe) working() (bool, error) {
	stats, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(p.pid), "task", "*", "stat"))
	for _, stat := range stats {
		// The thread may have ended meanwhile.
		content, _ := os.ReadFile(stat)
		if fields := afterName(content); len(fields) > 0 && fields[0] == "R" {
			return true, nil
		}
	}
	return false, err
}

// leaksNothing compares the plugin's usage before and after many cancelled calls.
func leaksNothing(ctx context.Context, p *probe) error {
	const times = 100
	before, err := p.usage()
	if err != nil {
		return err
	}
	p.cancelCalls(ctx, times)
	for i := 0; i < times && p.hello.GetWatches(); i++ {
		w, err := p.opened(ctx)
		if err != nil {
			return fmt.Errorf("after %d watches that were cancelled: %w", i, err)
		}
		w.stop()
	}
	return p.settles(ctx, before, fmt.Sprintf("%d calls that were cancelled", times))
}

// settles waits until the plugin uses about as much as before. Pools may grow a little, and
// connections take a moment to end.
func (p *probe) settles(ctx context.Context, before usage, after string) error {
	const spare = 50
	end := time.Now().Add(p.options.Back)
	for {
		now, err := p.usage()
		if err != nil || (now.threads < before.threads+spare && now.files < before.files+spare) {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("it had %d threads and %d open files, and has %d and %d after %s",
				before.threads, before.files, now.threads, now.files, after)
		}
		if err := rest(ctx); err != nil {
			return err
		}
	}
}

// staysSmall opens a watch and reads nothing from it while things change.
func staysSmall(ctx context.Context, p *probe) error {
	const most = 64 << 20
	before, err := p.usage()
	if err != nil {
		return err
	}
	silent, err := p.watchUnread(ctx)
	if err != nil {
		return err
	}
	defer silent()
	for end := time.Now().Add(p.options.Unread); time.Now().Before(end); {
		if p.options.Change != nil {
			err = p.options.Change(ctx)
		}
		if err := errors.Join(err, restFor(ctx, p.options.Unread/10)); err != nil {
			return err
		}
	}
	after, err := p.usage()
	if err != nil {
		return err
	}
	p.resetFirst(ctx)
	if grown := after.memory - before.memory; grown > most {
		return fmt.Errorf("with a watcher that read nothing for %s, its memory grew by %d MiB", p.options.Unread, grown>>20)
	}
	return nil
}
