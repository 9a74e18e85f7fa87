package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/stoker-spark/stoker/client"
)

// serverContext is one server as a user knows it.
type serverContext struct {
	Server string `yaml:"server"`
	Token  string `yaml:"token,omitempty"`
}

// contexts is the user's file of servers:
//
//	current: prod
//	contexts:
//	  prod: {server: https://stoker.example, token: …}
//
// It holds tokens, so nobody else may read it.
type contexts struct {
	Current  string                   `yaml:"current,omitempty"`
	Contexts map[string]serverContext `yaml:"contexts"`

	path string
	// open says that others than the owner may read the file.
	open bool
}

// contextsPath is $XDG_CONFIG_HOME/stoker/contexts.yaml, else below ~/.config.
func contextsPath() (string, error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("look for the file of contexts: %w; set HOME or XDG_CONFIG_HOME", err)
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "stoker", "contexts.yaml"), nil
}

// readContexts reads the file; one that is not there is empty.
func readContexts() (*contexts, error) {
	path, err := contextsPath()
	if err != nil {
		return nil, err
	}
	c := &contexts{path: path, Contexts: map[string]serverContext{}}
	data, open, err := readPrivate(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the file of contexts: %w", err)
	}
	c.open = open
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		// The decoder's words may repeat what it read, a token for one.
		return nil, fmt.Errorf("the file of contexts %s cannot be read as YAML; mend it, or delete it and use stoker context set", path)
	}
	if c.Contexts == nil {
		c.Contexts = map[string]serverContext{}
	}
	return c, nil
}

// maxPrivate bounds a file of tokens, in bytes.
const maxPrivate = 1 << 20

// readPrivate reads a file, and reports whether others than its owner may, too.
func readPrivate(path string) (data []byte, open bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	if info.IsDir() {
		return nil, false, fmt.Errorf("%s is a directory", path)
	}
	data, err = io.ReadAll(io.LimitReader(file, maxPrivate))
	return data, info.Mode().Perm()&0o077 != 0, err
}

// save writes the file so that a crash leaves the old one or the new one.
func (c *contexts) save() error {
	data, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the file of contexts: %w", err)
	}
	dir := filepath.Dir(c.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write the file of contexts: %w", err)
	}
	file, err := os.CreateTemp(dir, ".contexts-*") // of mode 0600
	if err != nil {
		return fmt.Errorf("write the file of contexts: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), c.path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // it may hold a token
		return fmt.Errorf("write the file of contexts: %w", err)
	}
	return nil
}

func (c *contexts) names() []string { return slices.Sorted(maps.Keys(c.Contexts)) }

// get returns a context by its name.
func (c *contexts) get(name string) (serverContext, error) {
	found, ok := c.Contexts[name]
	switch {
	case ok:
		return found, nil
	case len(c.Contexts) == 0:
		return found, fmt.Errorf("there is no context %q: stoker context set %s --server URL makes it", name, name)
	}
	return found, fmt.Errorf("there is no context %q; there are %s", name, strings.Join(c.names(), ", "))
}

// token of a context. One that others can read is used by nobody.
func (c *contexts) token(of serverContext) (string, error) {
	if of.Token != "" && c.open {
		return "", fmt.Errorf("%s holds a token and others than you can read it: chmod 600 %s, and have the token replaced", c.path, c.path)
	}
	return of.Token, nil
}

var contextName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// target is the server that a command is for.
type target struct {
	server, token string
}

// resolve finds the server: --server, else --context, else STOKER_SERVER, else the
// current context, else the default one. A token goes only to the server it is for: a
// context's own to the context's, STOKER_TOKEN to a server that was not chosen by
// --context.
func resolve(server, name string) (target, error) {
	if server != "" && name != "" {
		return target{}, errors.New("--server and --context both name a server; use one of them")
	}
	if server == "" && name == "" {
		server = os.Getenv("STOKER_SERVER")
	}
	token := strings.TrimSpace(os.Getenv("STOKER_TOKEN"))
	if server != "" {
		return target{server, token}, nil
	}
	c, err := readContexts()
	if err != nil {
		return target{}, err
	}
	chosen := name != ""
	if !chosen {
		name = c.Current
	}
	if name == "" {
		return target{client.DefaultServer, token}, nil
	}
	found, err := c.get(name)
	if err != nil {
		return target{}, err
	}
	if !chosen && token != "" {
		return target{found.Server, token}, nil
	}
	token, err = c.token(found)
	return target{found.Server, token}, err
}
