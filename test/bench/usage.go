package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of the times in /proc: USER_HZ, which is 100 on every Linux
// that Go runs on.
const ticksPerSecond = 100

// usage is what a process has used since its start.
type usage struct {
	cpu time.Duration
	// peak is the largest resident set, in bytes.
	peak int64
}

// usageOfEnded is what a command has used that has ended.
func usageOfEnded(command *exec.Cmd) usage {
	u := usage{cpu: command.ProcessState.UserTime() + command.ProcessState.SystemTime()}
	if used, is := command.ProcessState.SysUsage().(*syscall.Rusage); is {
		u.peak = used.Maxrss << 10
	}
	return u
}

// usageOf reads /proc; fields 14 and 15 of stat are user and system time.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return usage{}, err
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	fields := strings.Fields(string(rest))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if errUser != nil || errSystem != nil {
		return usage{}, fmt.Errorf("/proc/%d/stat can't be read: %s", pid, stat)
	}
	peak, err := peakOf(pid)
	return usage{cpu: time.Duration(user+system) * time.Second / ticksPerSecond, peak: peak}, err
}

func peakOf(pid int) (int64, error) { return memoryOf(pid, "VmHWM") }

// memoryOf reads one of the sizes in /proc/PID/status, in bytes.
func memoryOf(pid int, name string) (int64, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(status, []byte(name+":"))
	if !found {
		return 0, fmt.Errorf("/proc/%d/status has no %s", pid, name)
	}
	kilobytes, err := strconv.ParseInt(strings.Fields(string(rest))[0], 10, 64)
	return kilobytes << 10, err
}

// watchPeak reads the peak of a process again and again until it has ended; what it gives is called then. What
// wait(2) reports as the peak of a child begins with the peak of the process that forked it.
func watchPeak(pid int) (peak func() int64) {
	const pause = 5 * time.Millisecond
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		var most int64
		for {
			if now, err := peakOf(pid); err == nil {
				most = max(most, now)
			}
			select {
			case <-stop:
				result <- most
				return
			case <-time.After(pause):
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// untilIdle waits until processes have used no more than a fiftieth of a core in each of so
// many seconds on end.
func untilIdle(ctx context.Context, seconds int, pids ...int) error {
	const calm = time.Second / 50
	before, err := used(pids)
	for calmFor := 0; err == nil && calmFor < seconds; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		var now time.Duration
		now, err = used(pids)
		calmFor++
		if now-before > calm {
			calmFor = 0
		}
		before = now
	}
	return err
}

func used(pids []int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		u, err := usageOf(pid)
		if err != nil {
			return 0, err
		}
		total += u.cpu
	}
	return total, nil
}
