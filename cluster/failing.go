package cluster

import "time"

const (
	// tellAfter is how long lists and watches of a resource fail before the log says so.
	tellAfter = 3 * time.Minute
	// lasting is how long nothing fails after a watch has begun before the resource counts as followed again.
	lasting = time.Minute
)

// trouble is what a feed meets in a namespace while lists or watches fail.
type trouble struct {
	since time.Time
	// told is set once the log says it.
	told bool
	// over ends it, unless something fails before.
	over *time.Timer
}

func (t *trouble) stop() {
	if t.over != nil {
		t.over.Stop()
		t.over = nil
	}
}

// failed notes that a list or watch of a namespace failed without being refused.
func (f *feed) failed(namespace string, err error) {
	f.feeds.Log.Debug("a watch ended; it is taken up again", "resource", f.GVR.GroupResource().String(), "error", err)
	tell := false
	f.change(func(s *Status) {
		if _, refused := s.Refused[namespace]; refused {
			s.Refused[namespace] = err
		}
		if s.Failing == nil {
			s.Failing, f.troubles = map[string]error{}, map[string]*trouble{}
		}
		s.Failing[namespace] = err
		tell = f.meets(namespace)
	})
	if tell {
		f.feeds.Log.Warn("a resource can't be followed; what was known of it counts", "resource", f.GVR.GroupResource().String(), "namespace", namespace, "error", err)
	}
}

// meets notes a failure, and says whether the log is to have a line now. The feed is locked.
func (f *feed) meets(namespace string) bool {
	t := f.troubles[namespace]
	if t == nil {
		t = &trouble{since: time.Now()}
		f.troubles[namespace] = t
	}
	t.stop()
	tell := !t.told && time.Since(t.since) >= tellAfter
	t.told = t.told || tell
	return tell
}

// watchBegan ends the trouble of a namespace, if no other failure follows.
func (f *feed) watchBegan(namespace string) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if t := f.troubles[namespace]; t != nil && t.over == nil {
		t.over = time.AfterFunc(lasting, func() { f.followed(namespace, t) })
	}
}

// followed notes that a resource is followed again, unless something has failed since.
func (f *feed) followed(namespace string, t *trouble) {
	told := false
	f.change(func(s *Status) {
		if f.troubles[namespace] == t && t.over != nil {
			told = t.told
			f.forget(s, namespace)
		}
	})
	if told {
		f.feeds.Log.Info("a resource is followed again", "resource", f.GVR.GroupResource().String(), "namespace", namespace)
	}
}

// forget forgets the trouble of a namespace. The feed is locked.
func (f *feed) forget(s *Status, namespace string) {
	if t := f.troubles[namespace]; t != nil {
		t.stop()
	}
	delete(f.troubles, namespace)
	delete(s.Failing, namespace)
}
