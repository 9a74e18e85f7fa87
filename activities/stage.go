package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/stoker-spark/stoker/driver"
	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/spark"
	"github.com/stoker-spark/stoker/store"
)

// Modes of what is staged: nobody else on the host reads it.
const (
	modeFile fs.FileMode = 0o600
	modeDir  fs.FileMode = 0o700
)

// StageInput names the attempt to stage.
type StageInput struct {
	Key         job.Key     `json:"key"`
	Cluster     string      `json:"cluster"`
	Attempt     job.Attempt `json:"attempt"`
	Application string      `json:"application"`
	// Digest of the job as it was loaded: a job changed since is refused.
	Digest string `json:"digest"`
	// Request is set where the job has no other source.
	Request *job.Request `json:"request,omitempty"`
}

// StageResult says what was staged.
type StageResult struct {
	Bytes int64 `json:"bytes"`
	// Problems of the job found only here; nothing will be launched.
	Problems []string `json:"problems,omitempty"`
	// Standing other than open means that nothing was staged.
	Standing job.Standing `json:"standing"`
}

// Stage writes everything the application needs into the job directory, each
// file under a temporary name first, staged.json last. An attempt staged before
// is left as it is; one staged half is written again.
func (t *Transfer) Stage(ctx context.Context, in StageInput) (StageResult, error) {
	cluster, err := t.clusters.of(in.Cluster)
	if err != nil {
		return StageResult{}, classify(err)
	}
	source, err := t.sources.of(in.Key)
	if err != nil {
		return StageResult{}, classify(err)
	}
	var done progress
	defer beat(ctx, &done)()

	s := staging{
		cluster: cluster, store: cluster.Stores.Default, dir: spark.JobDir(cluster.Root, in.Attempt),
		in: in, progress: &done,
	}
	found, err := s.look(ctx, source)
	if err != nil {
		return StageResult{}, err
	}
	result := StageResult{Standing: capStanding(found.loaded.Standing)}
	switch {
	case found.loaded.Standing.State != job.StandingOpen:
		return result, nil
	case found.before != nil && (found.before.Digest == in.Digest || found.launched):
		result.Bytes = found.before.Bytes
		return result, nil
	case found.loaded.Digest != in.Digest:
		result.Problems = []string{"the job was changed after it was loaded; create it anew"}
		return result, nil
	case len(found.loaded.Problems) > 0:
		result.Problems = capProblems(found.loaded.Problems)
		return result, nil
	}
	problems, err := s.checkInputs(ctx, found.manifest)
	if err != nil {
		return StageResult{}, classify(err)
	}
	if len(problems) > 0 {
		result.Problems = capProblems(problems)
		return result, nil
	}
	outputs, err := s.write(ctx, found.manifest, found.loaded.Spec)
	if err != nil {
		return StageResult{}, classify(err)
	}
	if len(outputs) > 0 {
		standing, err := source.Report(ctx, in.Key.ID, job.Report{
			Milestone: job.MilestoneStaged, ExternalOutputs: outputs,
		})
		if err != nil {
			return StageResult{}, classifySource(err)
		}
		result.Standing = capStanding(standing)
	}
	result.Bytes = s.record.Bytes // as the record says it, which is not counted itself
	if err := s.commit(ctx); err != nil {
		return StageResult{}, classify(err)
	}
	return result, nil
}

// readStaged returns nil if the attempt was not staged.
func readStaged(ctx context.Context, st store.Store, dir string) (*staged, error) {
	data, err := readFile(ctx, st, path.Join(dir, spark.FileStaged))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("read the staging record of "+dir, err)
	}
	var record staged
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, job.Errorf(job.CodeInternal, "read the staging record of %s: %w", dir, err)
	}
	return &record, nil
}

// staging is one run of Stage.
type staging struct {
	cluster  Cluster
	store    store.Store
	dir      string
	in       StageInput
	progress *progress
	record   staged
}

// seen is what is there when Stage begins.
type seen struct {
	// before was staged before; nil if nothing was.
	before *staged
	// launched: what an application may be reading stays as it is, whatever became of the
	// job since. A run that was reset follows the application that there is.
	launched bool
	manifest job.Manifest
	loaded   job.Intake
}

// look reads at once what Stage needs to know.
func (s *staging) look(ctx context.Context, source Source) (seen, error) {
	var found seen
	group, all := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found.before, err = readStaged(all, s.store, s.dir)
		return classify(err)
	})
	group.Go(func() (err error) {
		found.launched, err = s.launched(all)
		return classify(err)
	})
	group.Go(func() (err error) {
		found.manifest, found.loaded, err = source.Manifest(all, job.Ref{ID: s.in.Key.ID, Request: s.in.Request})
		return classifySource(err)
	})
	return found, group.Wait()
}

// launched reports whether the application was sent, or may have been.
func (s *staging) launched(ctx context.Context) (bool, error) {
	_, err := s.store.Stat(ctx, path.Join(s.dir, spark.FileIntent))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, storeError("look for an earlier launch", err)
}

func (s *staging) checkInputs(ctx context.Context, m job.Manifest) ([]string, error) {
	if m.Program != nil {
		return s.checkProgram(ctx, *m.Program)
	}
	var urls []store.NamedURL
	for i, input := range m.Inputs {
		if !input.Embedded {
			urls = append(urls, store.NamedURL{Name: fmt.Sprintf("input %d", i+1), URL: input.URL})
		}
	}
	return store.CheckInputs(ctx, s.cluster.Stores, urls, s.cluster.UnverifiableInputs)
}

// write stages all files and returns the embedded outputs as the job will write
// them.
func (s *staging) write(ctx context.Context, m job.Manifest, spec job.Spec) ([]map[string]any, error) {
	s.record = staged{Digest: s.in.Digest, Application: s.in.Application}
	var dirs []string
	if s.onThisHost() {
		dirs = []string{spark.DirWork, spark.DirLogs, spark.DirTemp}
	}
	if m.Program != nil {
		return nil, s.writeProgram(ctx, m, dirs)
	}
	sources, err := sourcesArchive(m)
	if err != nil {
		return nil, err
	}
	files := []job.WorkFile{
		{Path: driver.FileName, Content: driver.Source},
		{Path: spark.FileSources, Content: sources},
	}
	for _, f := range m.WorkFiles {
		files = append(files, job.WorkFile{Path: path.Join(spark.DirWork, f.Path), Content: f.Content})
	}
	inputs := make([]map[string]any, 0, len(m.Inputs))
	for i, input := range m.Inputs {
		url, err := s.inputURL(i, input, &files)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, located(input, url))
	}
	outputs, embedded, outputDirs, err := s.outputs(m)
	if err != nil {
		return nil, err
	}
	assets := make([]map[string]any, 0, len(m.ModelAssets))
	for _, asset := range m.ModelAssets {
		url, err := s.cluster.Stores.CanonicalURL(asset.URL)
		if err != nil {
			return nil, err
		}
		assets = append(assets, located(asset, url))
	}
	jobFile, err := s.jobFile(m, inputs, outputs, assets)
	if err != nil {
		return nil, err
	}
	launch, err := s.launchFile(m, spec)
	if err != nil {
		return nil, err
	}
	return embedded, s.putAll(ctx, append(dirs, outputDirs...), append(files, jobFile, launch))
}

// onThisHost reports whether the application runs where its files are.
func (s *staging) onThisHost() bool { return s.store.Scheme() == "file" }

// inputURL stages an embedded input in a folder of its own, so that two inputs
// of one name both arrive.
func (s *staging) inputURL(i int, input job.Asset, files *[]job.WorkFile) (string, error) {
	if !input.Embedded {
		return s.cluster.Stores.CanonicalURL(input.URL)
	}
	rel := path.Join(spark.DirInputs, strconv.Itoa(i), literalName(input.FileName))
	*files = append(*files, job.WorkFile{Path: rel, Content: input.Content})
	return s.store.URL(path.Join(s.dir, rel)), nil
}

// outputs locates them, and names the directories of embedded ones.
func (s *staging) outputs(m job.Manifest) (all, embedded []map[string]any, dirs []string, err error) {
	all = make([]map[string]any, 0, len(m.Outputs))
	for i, output := range m.Outputs {
		if !output.Embedded {
			url, err := s.cluster.Stores.CanonicalURL(output.URL)
			if err != nil {
				return nil, nil, nil, err
			}
			all = append(all, located(output, url))
			continue
		}
		dir := path.Join(spark.DirOutputs, strconv.Itoa(i))
		dirs = append(dirs, dir)
		target := path.Join(s.dir, dir, literalName(output.FileName))
		s.record.Outputs = append(s.record.Outputs, stagedOutput{
			Index: output.Index, FileName: output.FileName, Format: output.Format, Path: target,
		})
		object := located(output, s.store.URL(target))
		all = append(all, object)
		embedded = append(embedded, object)
	}
	return all, embedded, dirs, nil
}

// literalName replaces what Spark would take for a glob in a path, and the ':' that
// Hadoop's paths can't hold. The name says nothing of an asset: each has a folder of
// its own.
func literalName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`*?[]{}\:`, r) {
			return '_'
		}
		return r
	}, name)
}

// located is an asset as the model sees it: a file that lies somewhere.
func located(asset job.Asset, url string) map[string]any {
	object := make(map[string]any, len(asset.Object)+2)
	for k, v := range asset.Object {
		object[k] = v
	}
	object["assetType"] = "EXTERNAL_FILE"
	object["fileUrl"] = url
	return object
}

func (s *staging) jobFile(m job.Manifest, inputs, outputs, assets []map[string]any) (job.WorkFile, error) {
	content := driver.Job{
		Version: driver.Version, JobID: s.in.Attempt.Job, Application: s.in.Application, Attempt: s.in.Attempt.Number,
		Kind:     string(m.Kind),
		Model:    driver.Model{Path: m.Primary.Path},
		Function: driver.Function{Name: m.Function.Name, Origin: m.Function.Origin},
		Inputs:   inputs, Outputs: outputs, ModelAssets: assets,
		Document: m.Document, Parameters: m.Parameters,
		StartedURL: s.store.URL(path.Join(s.dir, spark.FileStarted)),
		StatusURL:  s.store.URL(path.Join(s.dir, spark.FileStatus)),
	}
	if m.Init != nil {
		content.Init = &driver.Function{Name: m.Init.Name, Origin: m.Init.Origin}
	}
	return jsonFile(spark.FileJob, content)
}

func (s *staging) launchFile(m job.Manifest, spec job.Spec) (job.WorkFile, error) {
	launch := spark.Launch{
		Name: spec.Name, PythonDriver: true, Main: driver.FileName,
		PyFiles: []string{spark.FileSources}, Options: m.Options,
	}
	if s.onThisHost() {
		launch.Args = []string{path.Join(s.dir, spark.FileJob)}
	} else {
		// Shipped into the driver's working directory, as all in DirWork is.
		launch.Args, launch.Files = []string{spark.FileJob}, []string{spark.FileJob}
	}
	return jsonFile(spark.FileLaunch, launch)
}

func jsonFile(name string, content any) (job.WorkFile, error) {
	data, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return job.WorkFile{}, job.Errorf(job.CodeInternal, "write %s: %w", name, err)
	}
	return job.WorkFile{Path: name, Content: data}, nil
}

// storeError makes an error of the cluster's store: what is forbidden, or what the
// store says it can never do, will stay so; all else may pass.
func storeError(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, fs.ErrPermission) {
		return job.Errorf(job.CodeUnauthorized, "%s: %w", what, err)
	}
	if job.CodeOf(err) == job.CodeInvalid {
		return job.Errorf(job.CodeInvalid, "%s: %w", what, err)
	}
	return job.Errorf(job.CodeUnavailable, "%s: %w", what, err)
}
