package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/structs"
	"github.com/knadh/koanf/v2"

	"github.com/stoker-spark/stoker/job"
)

// EnvPrefix of the environment variables that override the file. The rest of
// the name is the key with "__" between levels': STOKER_MODELMANAGE__BASEURL.
const EnvPrefix = "STOKER_"

// delimiter of key paths: not ".", which Spark's own keys are full of.
const delimiter = "/"

// Load reads the configuration: defaults, then the YAML file (none if path is
// ""), then environment variables, then overrides by key. Unknown keys are
// errors, so that a misspelt one is not silently ignored; so are environment
// variables with "__" that name no key. The result is valid.
func Load(path string, environ []string, overrides map[string]any) (Config, error) {
	k := koanf.New(delimiter)
	if err := k.Load(structs.Provider(Default(), "koanf"), nil); err != nil {
		return Config{}, fmt.Errorf("load the default configuration: %w", err)
	}
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return Config{}, job.Errorf(job.CodeInvalid, "configuration file %s does not exist; name one with --config", path)
			}
			return Config{}, job.Errorf(job.CodeInvalid, "read configuration file %s: %w", path, err)
		}
	}
	if err := clusterDefaults(k); err != nil {
		return Config{}, err
	}
	known := knownKeys(k)
	var unknown []string
	err := k.Load(env.Provider(delimiter, env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, EnvPrefix), "__", delimiter))
			if known[key] == "" && strings.Contains(key, delimiter) {
				unknown = append(unknown, fmt.Sprintf("environment variable %s: names no key", job.Head(name, job.MaxWord)))
			}
			return known[key], value // "" for a variable that is no key of ours
		},
	}), nil)
	if err != nil {
		return Config{}, fmt.Errorf("read the environment: %w", err)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return Config{}, job.Invalid("the configuration cannot be read", unknown)
	}
	if err := k.Load(confmap.Provider(overrides, delimiter), nil); err != nil {
		return Config{}, fmt.Errorf("apply flags: %w", err)
	}
	config, err := decode(k)
	if err != nil {
		return Config{}, job.Invalid("the configuration cannot be read", decodeProblems(err))
	}
	return config, config.Validate()
}

// clusterDefaults puts the defaults of a cluster under each that is configured.
func clusterDefaults(k *koanf.Koanf) error {
	for _, name := range k.MapKeys("clusters") {
		given := k.Cut("clusters" + delimiter + name)
		whole := koanf.New(delimiter)
		if err := whole.Load(structs.Provider(DefaultCluster(given.String("type")), "koanf"), nil); err != nil {
			return fmt.Errorf("load the defaults of cluster %s: %w", name, err)
		}
		if err := whole.Merge(given); err != nil {
			return job.Errorf(job.CodeInvalid, "clusters.%s: %w", name, err)
		}
		if err := k.MergeAt(whole, "clusters"+delimiter+name); err != nil {
			return job.Errorf(job.CodeInvalid, "clusters.%s: %w", name, err)
		}
	}
	return nil
}

// knownKeys maps the lower-case form of every key to the key: environment
// variables have no case.
func knownKeys(k *koanf.Koanf) map[string]string {
	known := map[string]string{}
	for _, key := range k.Keys() {
		known[strings.ToLower(key)] = key
	}
	return known
}

func decode(k *koanf.Koanf) (Config, error) {
	var config Config
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result: &config, TagName: "koanf", ErrorUnused: true, WeaklyTypedInput: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			duration, booleanText,
			mapstructure.StringToSliceHookFunc(","),
		),
	})
	if err != nil {
		return Config{}, err
	}
	return config, decoder.Decode(k.Raw())
}

// duration reads a duration, and refuses a bare number: 30 would be taken for
// 30 nanoseconds.
func duration(_, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() {
		return value, nil
	}
	switch v := value.(type) {
	case time.Duration:
		return v, nil
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return d, nil
		}
	case int:
		if v == 0 {
			return time.Duration(0), nil
		}
	}
	return nil, fmt.Errorf("must be a duration with its unit, such as 90s, 5m or 24h, got %v", value)
}

// booleanText keeps a boolean where text is wanted as it was written:
// "spark.ui.enabled: false" is not "0".
func booleanText(_, to reflect.Type, value any) (any, error) {
	if b, ok := value.(bool); ok && to.Kind() == reflect.String {
		return strconv.FormatBool(b), nil
	}
	return value, nil
}

// decodeProblems lists what is wrong with the shape of a configuration, a line
// for each problem.
func decodeProblems(err error) []string {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		var problems []string
		for _, one := range several.Unwrap() {
			problems = append(problems, decodeProblems(one)...)
		}
		return problems
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	text = strings.Replace(text, "has invalid keys:", "has unknown keys:", 1)
	text = strings.Replace(text, "'' ", "the top level ", 1)
	return []string{job.Head(text, maxProblem)}
}

// maxProblem bounds one problem, in bytes: a file that is no configuration may
// hold anything.
const maxProblem = 500

// FromEnvironment is Load with the process's own environment.
func FromEnvironment(path string, overrides map[string]any) (Config, error) {
	return Load(path, os.Environ(), overrides)
}
