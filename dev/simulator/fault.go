package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

const (
	// FaultLatency waits, then goes on with the next rules and the request.
	FaultLatency FaultKind = "latency"
	// FaultStatus answers Fault.Status and does nothing else.
	FaultStatus FaultKind = "status"
	// FaultLostReply performs the request, then closes the connection without a
	// reply. Go's transport repeats a GET that ends so on a connection it reused.
	FaultLostReply FaultKind = "lost-reply"
	// FaultDrop closes the connection and does nothing else.
	FaultDrop FaultKind = "drop"
	// FaultGarbage answers 200 with a body that is no document, in turns a
	// gateway's HTML page and truncated JSON, and does nothing else.
	FaultGarbage FaultKind = "garbage"
)

// Fault is a rule that makes requests to model-manage fail. Rules are tried in
// their order; the first one that applies and is no latency ends the search. A
// rule counts the requests that match it and that no earlier rule took.
type Fault struct {
	// Method is the HTTP method, or "*" or empty for any.
	Method string `json:"method"`
	// Path is a part of the request's path and query; empty for any.
	Path string `json:"path"`
	// Kind is what happens.
	Kind FaultKind `json:"kind"`
	// Status is the answer of FaultStatus, 200 to 599.
	Status int `json:"status,omitempty"`
	// LatencyMs is the wait of FaultLatency in milliseconds.
	LatencyMs int `json:"latencyMs,omitempty"`
	// Skip lets so many matching requests pass first.
	Skip int `json:"skip,omitempty"`
	// Every applies the rule to the first matching request after Skip and then to
	// each so many-th. 0 and 1: to every one.
	Every int `json:"every,omitempty"`
	// Count is how often the rule applies in all; 0 is until it is removed.
	Count int `json:"count,omitempty"`
	// Applied is how often it did. It is read-only: ignored when rules are set.
	Applied int `json:"applied,omitempty"`
}

func (f Fault) validate() error {
	switch f.Kind {
	case FaultLatency, FaultLostReply, FaultDrop, FaultGarbage:
	case FaultStatus:
		if f.Status < 200 || f.Status > 599 {
			return fmt.Errorf("fault status %d: want 200 to 599", f.Status)
		}
	default:
		return fmt.Errorf("unknown fault kind %q", string(f.Kind))
	}
	if f.LatencyMs < 0 || f.Skip < 0 || f.Every < 0 || f.Count < 0 {
		return fmt.Errorf("fault %s: latencyMs, skip, every and count cannot be negative", f.Kind)
	}
	return nil
}

func (f Fault) matches(r *http.Request) bool {
	method := f.Method == "" || f.Method == "*" || strings.EqualFold(f.Method, r.Method)
	return method && strings.Contains(r.URL.RequestURI(), f.Path)
}

// faultRules are the rules in force.
type faultRules struct {
	mu    sync.Mutex
	rules []*faultRule
}

type faultRule struct {
	Fault
	matched int // requests that got as far as this rule
}

// set replaces all rules, or none of them when one is invalid.
func (f *faultRules) set(faults []Fault) error {
	rules := make([]*faultRule, len(faults))
	for i, fault := range faults {
		if err := fault.validate(); err != nil {
			return err
		}
		fault.Applied = 0
		rules[i] = &faultRule{Fault: fault}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = rules
	return nil
}

// list is never nil.
func (f *faultRules) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	faults := make([]Fault, len(f.rules))
	for i, rule := range f.rules {
		faults[i] = rule.Fault
	}
	return faults
}

// pick says what befalls a request: a wait, and a fault unless nil.
func (f *faultRules) pick(r *http.Request) (time.Duration, *Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var wait time.Duration
	for _, rule := range f.rules {
		if !rule.matches(r) || !rule.take() {
			continue
		}
		if rule.Kind != FaultLatency {
			fault := rule.Fault
			return wait, &fault
		}
		wait += time.Duration(rule.LatencyMs) * time.Millisecond
	}
	return wait, nil
}

// take counts a matching request and reports whether the rule applies to it.
func (r *faultRule) take() bool {
	r.matched++
	after := r.matched - r.Skip - 1 // matching requests before this one, after the skipped
	switch {
	case after < 0:
		return false
	case r.Every > 1 && after%r.Every != 0:
		return false
	case r.Count > 0 && r.Applied >= r.Count:
		return false
	}
	r.Applied++
	return true
}
