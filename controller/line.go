package controller

import (
	"context"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/certshim/certshim/problem"
	"github.com/certshim/certshim/source"
)

// noticeSize is about how many bytes a notice takes besides its texts.
const noticeSize = 256

// notice is what an Event says, without the object that it is about.
type notice struct {
	// problem is the identity of the problem that is reported, 0 for what is told just once.
	problem            uint64
	kind, reason, note string
	// name of the Event.
	name string
	at   time.Time
}

func (n notice) size() int { return noticeSize + len(n.note) + len(n.name) }

// newNotice returns the notice of a problem. The first time that a problem is reported, the name of
// the Event depends on the problem alone, so that a restart reports nothing twice.
func newNotice(ref source.Ref, p problem.Problem, known *remembered, now time.Time) notice {
	kind, suffix := corev1.EventTypeWarning, ""
	if p.Severity == problem.Info {
		kind = corev1.EventTypeNormal
	}
	if known.times > 0 {
		suffix = strconv.FormatInt(now.UnixNano(), 36)
	}
	return notice{
		problem: known.id, kind: kind, reason: string(p.Reason), note: noteOf(p), at: now,
		name: eventName(ref, p.Identity(), suffix),
	}
}

// noteOf returns a problem as one line that fits into an Event. If it is too long, the message is
// cut, which may quote anything, rather than the advice behind it.
func noteOf(p problem.Problem) string {
	if over := len(p.Error()) - maxNote; over > 0 {
		p.Message = cut(p.Message, max(len(p.Message)-over, maxNote/4))
	}
	return cut(p.Error(), maxNote)
}

// letter is a notice and its object.
type letter struct {
	key    key
	source source.Ref
	notice
}

// line holds the notices that wait to be sent. Of each object only the latest wait, and the
// namespaces take turns, so that nobody waits for the notices that somebody else causes.
type line struct {
	most    int // bytes
	arrived chan struct{}

	lock    sync.Mutex
	waiting map[key]*letters
	turns   lane[key]
	sizes   map[string]int // of the notices of each namespace, in bytes
	size    int
}

// letters are the notices of one object. They are empty where what waited was withdrawn before
// the object's turn.
type letters struct {
	source  source.Ref
	notices []notice
}

func newLine(most int) *line {
	return &line{most: most, arrived: make(chan struct{}, 1), waiting: map[key]*letters{}, sizes: map[string]int{}}
}

// put replaces the waiting notices of an object, except those that stay, by others. If the line is
// full, the objects that came last in the namespace with the most notices lose theirs, which are
// returned.
func (l *line) put(k key, ref source.Ref, stays func(notice) bool, more ...notice) (dropped []letter) {
	l.lock.Lock()
	defer l.lock.Unlock()
	found := l.waiting[k]
	if found == nil {
		if len(more) == 0 {
			return nil
		}
		found = &letters{}
		l.waiting[k] = found
		l.turns.push(k.Namespace(), k)
	}
	var notices []notice
	for _, n := range found.notices {
		if stays(n) {
			notices = append(notices, n)
		}
	}
	l.set(k, found, append(notices, more...))
	found.source = ref
	poke(l.arrived)
	for l.size > l.most {
		dropped = append(dropped, l.dropLast()...)
	}
	return dropped
}

// set gives an object other notices.
func (l *line) set(k key, of *letters, notices []notice) {
	change := 0
	for _, n := range notices {
		change += n.size()
	}
	for _, n := range of.notices {
		change -= n.size()
	}
	of.notices = notices
	l.size += change
	l.sizes[k.Namespace()] += change
	if l.sizes[k.Namespace()] == 0 {
		delete(l.sizes, k.Namespace())
	}
}

// dropLast takes the last object of the namespace with the most notices out of the line.
func (l *line) dropLast() (dropped []letter) {
	namespace, most := "", 0
	for name, size := range l.sizes {
		if size > most {
			namespace, most = name, size
		}
	}
	k, found := l.turns.dropLast(namespace)
	if !found {
		return nil
	}
	of := l.waiting[k]
	for _, n := range of.notices {
		dropped = append(dropped, letter{k, of.source, n})
	}
	l.set(k, of, nil)
	delete(l.waiting, k)
	return dropped
}

// take gives the notice whose turn it is.
func (l *line) take() (next letter, found bool) {
	l.lock.Lock()
	defer l.lock.Unlock()
	k, found := l.turns.pop(func(k key) bool {
		if len(l.waiting[k].notices) > 0 {
			return true
		}
		delete(l.waiting, k)
		return false
	})
	if !found {
		return letter{}, false
	}
	of := l.waiting[k]
	next = letter{k, of.source, of.notices[0]}
	l.set(k, of, of.notices[1:])
	if len(of.notices) == 0 {
		delete(l.waiting, k)
	} else {
		l.turns.push(k.Namespace(), k)
	}
	return next, true
}

// await waits for a notice; false means that the context has ended.
func (l *line) await(ctx context.Context) bool {
	for !l.busy() {
		select {
		case <-l.arrived:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func (l *line) busy() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.size > 0
}

// hasRoom reports whether there is room for many more.
func (l *line) hasRoom() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.size <= l.most/2
}
