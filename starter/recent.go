package starter

// recent remembers the last so many strings.
type recent struct {
	max   int
	order []string
	set   map[string]bool
}

func newRecent(max int) *recent { return &recent{max: max, set: make(map[string]bool)} }

func (r *recent) has(s string) bool { return r.set[s] }

func (r *recent) add(s string) {
	if r.set[s] {
		return
	}
	if len(r.order) >= r.max {
		delete(r.set, r.order[0])
		r.order = r.order[1:]
	}
	r.order = append(r.order, s)
	r.set[s] = true
}
