package samples

import (
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/store"
)

// check looks at a finished document, or at what its job has written.
type check = func(document map[string]any) error

// all makes several checks.
func all(checks ...check) check {
	return func(document map[string]any) error {
		for _, c := range checks {
			if err := c(document); err != nil {
				return err
			}
		}
		return nil
	}
}

// content checks an embedded output, byte by byte.
func content(name, want string) check {
	return func(document map[string]any) error {
		outputs, _ := document["outputData"].([]any)
		for _, o := range outputs {
			asset, _ := o.(map[string]any)
			if asset["filename"] != name {
				continue
			}
			text, _ := asset["fileContent"].(string)
			got, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return fmt.Errorf("output %s: %w", name, err)
			}
			if string(got) != want {
				return fmt.Errorf("output %s holds %.200q, expected %q", name, got, want)
			}
			return nil
		}
		return fmt.Errorf("there is no output %s", name)
	}
}

// written checks that Spark has completed a directory.
func written(st store.Store, dirs ...string) check {
	return func(map[string]any) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for _, dir := range dirs {
			if _, err := st.Stat(ctx, path.Join(dir, "_SUCCESS")); err != nil {
				return fmt.Errorf("not written by Spark: %w", err)
			}
		}
		return nil
	}
}

// message checks that one line of the job's messages holds all the words.
func message(words ...string) check {
	return func(document map[string]any) error {
		messages, _ := document["jobMessages"].([]any)
		for _, m := range messages {
			line, _ := m.(string)
			missing := 0
			for _, w := range words {
				if !strings.Contains(line, w) {
					missing++
				}
			}
			if missing == 0 {
				return nil
			}
		}
		return fmt.Errorf("no message holds %q: %.500v", words, messages)
	}
}

// empty checks that no output has content: the job did not succeed.
func empty(document map[string]any) error {
	outputs, _ := document["outputData"].([]any)
	for _, o := range outputs {
		asset, _ := o.(map[string]any)
		if text, _ := asset["fileContent"].(string); text != "" {
			return fmt.Errorf("output %v has content though the job did not succeed", asset["filename"])
		}
	}
	return nil
}
