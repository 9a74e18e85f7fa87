package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/stoker-spark/stoker/job"
)

const (
	// checksAtOnce bounds the calls to stores that CheckInputs makes at a time.
	checksAtOnce = 8
	// mostProbed bounds how many matches of one pattern are opened.
	mostProbed = 16
)

// NamedURL is a by-URL asset of a job.
type NamedURL struct {
	// Name of the asset, for messages.
	Name string
	URL  string
}

// Policy says what becomes of an input that no store can verify.
type Policy string

// The policies. Any other value is PolicyRefuse.
const (
	// PolicyRefuse makes an unverifiable input a problem.
	PolicyRefuse Policy = "refuse"
	// PolicyAllow lets it pass unseen.
	PolicyAllow Policy = "allow"
)

// CheckInputs looks whether every input is there and can be read: a file, a
// directory, or a pattern that matches at least one of them. Of a pattern's
// matches the first 16 are opened.
//
// What is wrong with the job is a problem, one text per input in the order of
// urls, naming asset and URL: a location that can't be read, missing, forbidden,
// or without a store (unless the policy allows it). A store that could not be
// asked, or ctx ending first, is no problem of the job but an error of code
// unavailable; problems then holds what is certain all the same.
func CheckInputs(ctx context.Context, set Set, urls []NamedURL, unverifiable Policy) (problems []string, err error) {
	type answer struct {
		input   int
		problem string
		err     error
	}
	answers := make(chan answer, len(urls)) // room for all: none blocks after we have left
	slots := make(chan struct{}, checksAtOnce)
	for i, u := range urls {
		go func() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				answers <- answer{input: i, err: ctx.Err()}
				return
			}
			defer func() { <-slots }()
			problem, err := checkInput(ctx, set, u.URL, unverifiable)
			answers <- answer{input: i, problem: problem, err: err}
		}()
	}

	all := make([]answer, len(urls))
	for i := range all {
		all[i].err = errNoAnswer
	}
	for range urls {
		select {
		case a := <-answers:
			all[a.input] = a
			continue
		case <-ctx.Done(): // a store may hang without looking at ctx
		}
		break
	}

	var unasked []error
	for i, a := range all {
		who := fmt.Sprintf("%s (%s)", urls[i].Name, quote(urls[i].URL))
		switch {
		case errors.Is(a.err, errNoAnswer):
			unasked = append(unasked, fmt.Errorf("%s: no answer from the store: %w", who, ctx.Err()))
		case a.err != nil:
			unasked = append(unasked, fmt.Errorf("%s: %w", who, a.err))
		case a.problem != "":
			problems = append(problems, who+": "+a.problem)
		}
	}
	switch len(unasked) {
	case 0:
		return problems, nil
	case 1:
		return problems, job.Errorf(job.CodeUnavailable, "check inputs: %w", unasked[0])
	default:
		return problems, job.Errorf(job.CodeUnavailable, "check inputs: %w (and %d more)", unasked[0], len(unasked)-1)
	}
}

// errNoAnswer marks an input whose check had not ended when ctx did.
var errNoAnswer = errors.New("no answer")

func checkInput(ctx context.Context, set Set, url string, unverifiable Policy) (problem string, err error) {
	st, path, err := set.Resolve(url)
	if errors.Is(err, ErrNoStore) {
		if unverifiable == PolicyAllow {
			return "", nil
		}
		return "can't be verified: this cluster has no store for it; name a file the cluster's stores hold, or have the cluster allow unverified inputs", nil
	}
	if err != nil {
		return err.Error(), nil
	}
	if HasGlob(path) {
		return checkPattern(ctx, st, path)
	}
	info, err := st.Stat(ctx, path)
	if err != nil {
		return verdict(err)
	}
	return probe(ctx, st, info)
}

func checkPattern(ctx context.Context, st Store, pattern string) (problem string, err error) {
	matches, err := st.Glob(ctx, pattern)
	if err != nil {
		return verdict(err)
	}
	if len(matches) == 0 {
		if _, err := st.Stat(ctx, pattern); err == nil {
			return `is read as a pattern, which matches nothing, but a file has just this name; put a '\' before each of * ? [ { \ in it`, nil
		}
		return "nothing matches this pattern; put the files there or correct the URL", nil
	}
	for _, info := range matches[:min(len(matches), mostProbed)] {
		if problem, err := probe(ctx, st, info); err != nil || problem != "" {
			return problem, err
		}
	}
	return "", nil
}

// probe opens what was found: that it can be seen doesn't mean it can be read.
func probe(ctx context.Context, st Store, info Info) (problem string, err error) {
	if info.Dir {
		_, err := st.List(ctx, info.Path)
		return verdict(err)
	}
	content, err := st.Open(ctx, info.Path)
	if err != nil {
		return verdict(err)
	}
	_ = content.Close() // nothing was read, nothing can be lost
	return "", nil
}

// verdict parts what is wrong with the input from a store that can't be asked.
func verdict(err error) (problem string, _ error) {
	switch {
	case err == nil:
		return "", nil
	case errors.Is(err, fs.ErrNotExist):
		return "is missing; put it there or correct the URL", nil
	case errors.Is(err, fs.ErrPermission):
		return "is forbidden: the worker's user may not read it; grant read access to it and search access to the directories above it", nil
	case job.CodeOf(err) == job.CodeInvalid:
		return err.Error(), nil
	}
	return "", err
}
