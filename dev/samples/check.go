package samples

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// hasContent checks the first embedded output.
func hasContent(part string) func(map[string]any) error {
	return func(document map[string]any) error {
		outputs, _ := document["outputData"].([]any)
		for _, o := range outputs {
			asset, _ := o.(map[string]any)
			if asset["assetType"] != "FILE" {
				continue
			}
			text, _ := asset["fileContent"].(string)
			content, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return fmt.Errorf("output %v: %w", asset["filename"], err)
			}
			if !strings.Contains(string(content), part) {
				return fmt.Errorf("output %v holds %.200q, expected %q in it", asset["filename"], content, part)
			}
			return nil
		}
		return fmt.Errorf("no embedded output")
	}
}

// hasMessage checks the job's messages.
func hasMessage(part string) func(map[string]any) error {
	return func(document map[string]any) error {
		messages, _ := document["jobMessages"].([]any)
		for _, m := range messages {
			if line, _ := m.(string); strings.Contains(line, part) {
				return nil
			}
		}
		return fmt.Errorf("no message holds %q: %.500v", part, messages)
	}
}
