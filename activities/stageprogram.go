package activities

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/jobspec"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// onEveryHost: every host of a cluster has the file, so nobody can look.
func onEveryHost(file string) bool {
	scheme, _, _ := strings.Cut(file, ":")
	return strings.EqualFold(scheme, "local")
}

// programFiles calls each for every file of a program, by field, and puts what that
// returns in its place.
func programFiles(p job.Program, each func(field, file string) (string, error)) (job.Program, error) {
	var err error
	one := func(field, file string) string {
		if err != nil {
			return file
		}
		file, err = each(field, file)
		return file
	}
	list := func(field string, files []string) []string {
		changed := make([]string, len(files))
		for i, f := range files {
			changed[i] = one(fmt.Sprintf("%s[%d]", field, i), f)
		}
		return changed
	}
	p.Main = one("file", p.Main)
	p.PyFiles, p.Jars = list("pyFiles", p.PyFiles), list("jars", p.Jars)
	p.Files, p.Archives = list("files", p.Files), list("archives", p.Archives)
	return p, err
}

// locate says where a file of a program lies, as a URL for Spark.
func (s *staging) locate(file string) (string, error) {
	if artifact, alias, ok := jobspec.CutArtifact(file); ok {
		return withAlias(s.store.URL(artifact.Path(s.cluster.Artifacts)), alias), nil
	}
	if onEveryHost(file) {
		return file, nil
	}
	location, alias, _ := strings.Cut(file, "#")
	url, err := s.cluster.Stores.CanonicalURL(location)
	return withAlias(url, alias), err
}

func withAlias(url, alias string) string {
	if alias == "" {
		return url
	}
	return url + "#" + alias
}

// checkProgram looks whether all files of a program are there, and may be used.
func (s *staging) checkProgram(ctx context.Context, p job.Program) ([]string, error) {
	var urls []store.NamedURL
	artifacts := map[string]jobspec.Artifact{}
	_, err := programFiles(p, func(field, file string) (string, error) {
		if onEveryHost(file) {
			return file, nil
		}
		if artifact, _, ok := jobspec.CutArtifact(file); ok {
			artifacts[field] = artifact
			urls = append(urls, store.NamedURL{Name: field, URL: s.store.URL(artifact.Path(s.cluster.Artifacts))})
			return file, nil
		}
		location, _, _ := strings.Cut(file, "#")
		urls = append(urls, store.NamedURL{Name: field, URL: location})
		return file, nil
	})
	if err != nil {
		return nil, err
	}
	problems, err := store.CheckInputs(ctx, s.cluster.Stores, urls, s.cluster.UnverifiableInputs)
	for i, p := range problems {
		field, _, _ := strings.Cut(p, " ")
		if artifact, ok := artifacts[field]; ok && strings.Contains(p, "is missing") {
			problems[i] = fmt.Sprintf("%s: %s is not there: it was not uploaded to cluster %s, or has expired; upload it again", field, artifact, s.cluster.Name)
		}
	}
	if err == nil && len(problems) == 0 {
		problems, err = s.checkHostFiles(ctx, p)
	}
	for _, artifact := range artifacts {
		if err != nil || len(problems) > 0 {
			break
		}
		if err = artifact.Use(ctx, s.store, s.cluster.Artifacts); err != nil {
			err = storeError("note that "+artifact.String()+" is used", err)
		}
	}
	return problems, err
}

// checkHostFiles looks where the files of this host lie that a program names. Their names
// were looked at when the job was loaded, but a symbolic link may lead anywhere.
func (s *staging) checkHostFiles(ctx context.Context, p job.Program) (problems []string, err error) {
	if s.cluster.HostFiles == nil {
		return nil, nil
	}
	_, err = programFiles(p, func(field, file string) (string, error) {
		if _, _, ok := jobspec.CutArtifact(file); ok {
			return file, nil
		}
		location, _, _ := strings.Cut(file, "#")
		at, err := store.ParseLocation(location)
		if err != nil || at.Scheme != "file" && at.Scheme != "local" && !at.InDefault() {
			return file, err
		}
		ours, err := s.cluster.HostFiles.Hold(ctx, at.Path)
		switch {
		case err != nil && onEveryHost(file) && !errors.Is(err, context.Canceled) && job.CodeOf(err) != job.CodeUnavailable:
			return file, nil // it cannot be read, and Spark says so
		case err != nil:
			return file, storeError("look where "+location+" leads", err)
		case !ours:
			problems = append(problems, fmt.Sprintf("%s: leads by a symbolic link out of the directories below which files of the worker's host may be named; upload it (%s)", field, location))
		}
		return file, nil
	})
	return problems, err
}

// copyNamed puts the files that have a name of their own into the working directory of
// a program on this host, where Spark itself would refuse the name, and returns where
// they lie in the job directory. Elsewhere the cluster manager gives files their names.
func (s *staging) copyNamed(ctx context.Context, files []string) (map[string]string, error) {
	named := map[string]string{}
	if !s.onThisHost() {
		return named, nil
	}
	for _, file := range files {
		location, alias, ok := strings.Cut(file, "#")
		if !ok || onEveryHost(file) {
			continue
		}
		from, name := s.store, ""
		if artifact, _, ok := jobspec.CutArtifact(file); ok {
			name = artifact.Path(s.cluster.Artifacts)
		} else {
			var err error
			if from, name, err = s.cluster.Stores.Resolve(location); err != nil {
				continue // nobody but Spark finds it: it says what it makes of the name
			}
		}
		named[file] = path.Join(spark.DirWork, alias)
		if err := s.copy(ctx, from, name, named[file]); err != nil {
			return nil, storeError("copy "+location, err)
		}
	}
	return named, nil
}

func (s *staging) copy(ctx context.Context, from store.Store, name, to string) error {
	in, err := from.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	n, err := s.store.Write(ctx, path.Join(s.dir, to), in, modeFile)
	s.progress.add(n)
	s.record.Bytes += n
	return err
}

// writeProgram stages a program: what it needs lies where it is, and is only named.
func (s *staging) writeProgram(ctx context.Context, m job.Manifest, dirs []string) error {
	named, err := s.copyNamed(ctx, m.Program.Files)
	if err != nil {
		return err
	}
	p, err := programFiles(*m.Program, func(_, file string) (string, error) {
		if copied, ok := named[file]; ok {
			return copied, nil
		}
		return s.locate(file)
	})
	if err != nil {
		return err
	}
	launch, err := jsonFile(spark.FileLaunch, spark.Launch{
		Name: p.Name, Main: p.Main, Class: p.Class, Args: p.Args,
		PyFiles: p.PyFiles, Files: p.Files, Jars: p.Jars, Archives: p.Archives, Options: m.Options,
	})
	if err != nil {
		return err
	}
	files := []job.WorkFile{launch}
	if s.in.Request != nil {
		request, err := jsonFile(spark.FileRequest, s.in.Request)
		if err != nil {
			return err
		}
		files = append(files, request)
	}
	return s.putAll(ctx, dirs, files)
}
