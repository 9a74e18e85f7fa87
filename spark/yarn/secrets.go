package yarn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
)

// takeSecrets takes the keys to which a launch gives references to secrets out of a
// configuration and returns their values. They go into the application's archive alone: neither
// into the request, which the ResourceManager stores, nor into an environment or
// onto a command line. The archive is readable for the application's user only and
// goes with the job directory; NodeManagers keep their copies, readable for that
// user, as long as any other file of his.
func (b *builder) takeSecrets(conf, launch map[string]string) (map[string]string, error) {
	values := map[string]string{}
	var problems []string
	for _, key := range slices.Sorted(maps.Keys(launch)) {
		name, isReference := strings.CutPrefix(launch[key], spark.SecretPrefix)
		if !isReference {
			continue
		}
		delete(conf, key)
		value, err := spark.Secrets(b.opts.Settings.SecretsDir).Read(name)
		if err != nil {
			problems = append(problems, fmt.Sprintf("conf %s: %v", key, err))
			continue
		}
		values[key] = value
	}
	if len(problems) > 0 {
		return nil, job.Invalid("secrets of the application cannot be resolved", problems)
	}
	return values, nil
}
