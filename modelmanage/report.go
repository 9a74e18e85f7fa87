package modelmanage

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stoker-spark/stoker/job"
)

// maxReadings bounds how often one Report reads the document again because
// somebody else wrote it in between.
const maxReadings = 6

// timeFormat is how model-manage writes dates.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Update is what a report changes; a zero field changes nothing.
type Update struct {
	// Status to go to; jobResult follows from it. A status that ranks no higher
	// than the document's is not written.
	Status Status
	// Application is the cluster's id of the application; a message line names
	// it in the same write.
	Application string
	// Messages to append. A line that is there already is not appended again.
	Messages []string
	// WaitedAt, RanAt and EndedAt are when the job entered waiting, running and
	// its end.
	WaitedAt time.Time
	RanAt    time.Time
	EndedAt  time.Time
	// ExternalOutput is the JSON text for TMP_EXTERNAL_OUTPUT. A terminal Status
	// removes the key instead.
	ExternalOutput string
	// Outputs to embed, all of them; only with StatusComplete.
	Outputs []Output
}

// Output is the content of one embedded output.
type Output struct {
	// Index in the document's outputData: job.Asset.Index.
	Index int
	// FileName of the asset, where the document may have been reordered since.
	FileName string
	Content  []byte
}

// Seen says what a report met.
type Seen struct {
	// Before is the status read just before writing, After the one read back.
	Before Status
	After  Status
	// Settled: the document stands as the Update asked, by this call or by an
	// earlier one. False when somebody else moved the document on; then After is
	// theirs.
	Settled bool
}

// Report brings a document up to date: it reads it, refuses to lower its rank,
// writes the least that must change and reads back what was written. It may be
// repeated: what is there already is not written again.
//
// A terminal document keeps its status and content, whoever wrote them; only
// messages are appended and TMP_EXTERNAL_OUTPUT is removed. That is no error:
// see Seen. A server that keeps something else than it was sent is
// unavailable, a document that changes under every attempt is a conflict.
func (c *Client) Report(ctx context.Context, id string, u Update) (Seen, error) {
	u.Messages = splitLines(u.Messages)
	for attempt := 1; attempt <= maxReadings; attempt++ {
		doc, err := c.Get(ctx, id)
		if err != nil {
			return Seen{}, err
		}
		seen, err := c.report(ctx, id, doc, u)
		if job.CodeOf(err) != job.CodeConflict {
			return seen, err
		}
		if err := c.pause(ctx, attempt); err != nil {
			return seen, job.Errorf(job.CodeUnavailable, "report job %s: %w", id, err)
		}
	}
	return Seen{}, job.Errorf(job.CodeConflict, "report job %s: the document changed %d times in a row; try later", id, maxReadings)
}

// report does what Report says for one reading of the document.
func (c *Client) report(ctx context.Context, id string, doc Document, u Update) (Seen, error) {
	seen := Seen{Before: doc.Status(), After: doc.Status()}
	if doc.Status().Terminal() || u.Status.Terminal() {
		var err error
		if doc, err = c.removeExternalOutput(ctx, id, doc); err != nil {
			return seen, err
		}
		// What was read back after the removal is what is written upon now.
		seen = Seen{Before: doc.Status(), After: doc.Status()}
	}
	change, err := c.plan(doc, u)
	if err != nil {
		return seen, err
	}
	if err := c.fits(doc, change); err != nil {
		return seen, err
	}
	if !change.empty() {
		after, err := c.write(ctx, id, doc, change)
		if err != nil {
			return seen, err
		}
		seen.After = after.Status()
		doc = after
	}
	seen.Settled = settled(doc, u)
	return seen, nil
}

// fits checks that the document's store can hold it with the contents of its
// outputs.
func (c *Client) fits(doc Document, ch change) error {
	if len(ch.outputs) == 0 {
		return nil
	}
	data, err := encodeJSON(ch.apply(doc))
	if err != nil {
		return job.Errorf(job.CodeInternal, "measure the document: %w", err)
	}
	if int64(len(data)) > c.config.MaxDocumentBytes {
		return job.Errorf(job.CodeInvalid, "the document would hold %d bytes with its outputs, more than the %d it may have; write large outputs to a URL",
			len(data), c.config.MaxDocumentBytes)
	}
	return nil
}

// settled reports whether a document stands as the update asks.
func settled(doc Document, u Update) bool {
	switch {
	case u.Status == "":
		return !doc.Status().Terminal() || u.Application == "" && u.ExternalOutput == ""
	case !u.Status.Terminal():
		return doc.Status().Rank() >= u.Status.Rank() && !doc.Status().Terminal()
	case doc.Status() != u.Status:
		return false
	}
	return u.Status != StatusComplete || len(contentProblems(doc, u.Outputs)) == 0
}

// change is what one write changes. Fields are top-level ones; parameters are
// merged into jobParameters.
type change struct {
	fields     map[string]any
	parameters map[string]any
	outputs    []Output
}

func (c change) empty() bool { return len(c.fields) == 0 && len(c.parameters) == 0 }

// plan compares a document with an update.
func (c *Client) plan(doc Document, u Update) (change, error) {
	ch := change{fields: map[string]any{}, parameters: map[string]any{}}
	messages := u.Messages
	if !doc.Status().Terminal() {
		var err error
		if messages, err = c.planProgress(&ch, doc, u); err != nil {
			return change{}, err
		}
	}
	if list, changed := appendMessages(doc.Root["jobMessages"], messages, c.config.Messages); changed {
		ch.fields["jobMessages"] = list
	}
	if ch.empty() {
		return ch, nil
	}
	ch.fields["lastUpdateFromRuntime"] = c.now().UTC().Format(timeFormat)
	return ch, nil
}

// planProgress plans what only a document that has not ended may get, and
// returns the messages to append.
func (c *Client) planProgress(ch *change, doc Document, u Update) ([]string, error) {
	messages := u.Messages
	if u.Application != "" {
		if had, _ := doc.Parameter(c.config.ApplicationIDParameter); had != u.Application {
			ch.parameters[c.config.ApplicationIDParameter] = u.Application
		}
		messages = append([]string{"Spark application " + cleanLine(u.Application)}, messages...)
	}
	if u.ExternalOutput != "" && !u.Status.Terminal() {
		if had, _ := doc.Parameter(ParameterExternalOutput); had != u.ExternalOutput {
			ch.parameters[ParameterExternalOutput] = u.ExternalOutput
		}
	}
	for field, t := range map[string]time.Time{"jobWaitTime": u.WaitedAt, "jobRunTime": u.RanAt, "jobEndTime": u.EndedAt} {
		if n := json.Number(strconv.FormatInt(t.UnixMilli(), 10)); !t.IsZero() && doc.Root[field] != n {
			ch.fields[field] = n
		}
	}
	if u.Status.Rank() <= doc.Status().Rank() {
		return messages, nil
	}
	ch.fields["jobStatus"] = string(u.Status)
	if u.Status.Terminal() {
		ch.fields["jobResult"] = resultOf(u.Status)
	}
	switch {
	case u.Status == StatusComplete && len(u.Outputs) > 0:
		outputs, err := placed(doc.Root["outputData"], u.Outputs)
		if err != nil {
			return nil, err
		}
		ch.fields["outputData"] = withContents(doc.Root["outputData"], outputs)
		ch.outputs = outputs
	case u.Status.Terminal() && u.Status != StatusComplete:
		if list, changed := withoutContents(doc.Root["outputData"]); changed {
			ch.fields["outputData"] = list
		}
	}
	return messages, nil
}

func resultOf(s Status) string {
	if s == StatusComplete {
		return ResultSuccess
	}
	return ResultUnknown
}

// placed returns the outputs with the indices that they have in a document now:
// somebody may have reordered its list since the job was loaded.
func placed(value any, outputs []Output) ([]Output, error) {
	list, _ := value.([]any)
	is := func(i int, o Output) bool {
		if i < 0 || i >= len(list) {
			return false
		}
		asset, ok := list[i].(map[string]any)
		return ok && (o.FileName == "" || text(asset["assetType"]) == assetFile && firstText(asset["filename"], asset["name"]) == o.FileName)
	}
	taken := map[int]bool{}
	found := slices.Clone(outputs)
	for i, o := range outputs {
		at := o.Index
		for j := range list {
			if o.FileName != "" && !is(at, o) && is(j, o) && !taken[j] {
				at = j
			}
		}
		if !is(at, o) || taken[at] {
			return nil, job.Errorf(job.CodeInvalid, "report output %d (%s): the document's outputData, of %d elements, has it no longer",
				o.Index+1, job.Head(o.FileName, maxShort), len(list))
		}
		taken[at] = true
		found[i].Index = at
	}
	return found, nil
}

// withContents returns the complete list of outputs with the contents in place;
// everything else in it is as it was.
func withContents(value any, outputs []Output) []any {
	old, _ := value.([]any)
	list := slices.Clone(old)
	for _, o := range outputs {
		asset, _ := list[o.Index].(map[string]any) // as placed has checked
		asset = maps.Clone(asset)
		asset["fileContent"] = base64.StdEncoding.EncodeToString(o.Content)
		asset["fileSize"] = json.Number(strconv.Itoa(len(o.Content)))
		list[o.Index] = asset
	}
	return list
}

// withoutContents empties the outputs of a job that did not succeed: what is in
// them was there before, and is not its result.
func withoutContents(value any) (list []any, changed bool) {
	old, _ := value.([]any)
	list = slices.Clone(old)
	for i, element := range list {
		asset, ok := element.(map[string]any)
		if !ok || text(asset["fileContent"]) == "" && text(asset["fileContentString"]) == "" {
			continue
		}
		asset = maps.Clone(asset)
		for _, field := range []string{"fileContent", "fileContentString"} {
			if _, there := asset[field]; there {
				asset[field] = nil
			}
		}
		asset["fileSize"] = json.Number("0")
		list[i], changed = asset, true
	}
	return list, changed
}

// contentProblems names each output whose content a document does not hold.
func contentProblems(doc Document, outputs []Output) []string {
	list, _ := doc.Root["outputData"].([]any)
	var p problems
	for _, o := range outputs {
		if o.Index < 0 || o.Index >= len(list) {
			p.addf("outputData[%d] is missing", o.Index)
			continue
		}
		content, err := decodeBase64(text(dig(list[o.Index], "fileContent")))
		if _, there := dig(list[o.Index], "fileContent").(string); !there || err != nil || !bytes.Equal(content, o.Content) {
			p.addf("outputData[%d].fileContent is not what was sent", o.Index)
		}
	}
	return p
}

// write sends a change and returns the document as it stands afterwards,
// verified.
func (c *Client) write(ctx context.Context, id string, doc Document, ch change) (Document, error) {
	after, replied, err := c.sendOnce(ctx, id, doc, ch, c.config.WriteMode)
	if err != nil {
		return Document{}, err
	}
	if movedOn(after, doc, ch) {
		return after, nil
	}
	wrong := verify(after, ch, replied)
	if len(wrong) > 0 && replied {
		// The reply may be an excerpt; only a reading counts, and only that may be
		// written back whole.
		if after, err = c.get(ctx, c.collection(doc), id); err != nil {
			return Document{}, err
		}
		if movedOn(after, doc, ch) {
			return after, nil
		}
		wrong = verify(after, ch, false)
	}
	if len(wrong) > 0 && c.config.WriteMode != WritePut && c.config.IfMatch && after.ETag != "" {
		// Some servers merge less than they say. The write was ours, so it may be
		// completed with the whole document, as long as nobody came in between.
		if after, replied, err = c.sendOnce(ctx, id, after, ch, WritePut); err != nil {
			return Document{}, job.Errorf(job.CodeUnavailable, "report job %s: model-manage did not keep %s, and writing the whole document failed: %w",
				id, strings.Join(wrong, ", "), err)
		}
		wrong = verify(after, ch, replied)
	}
	if len(wrong) > 0 {
		return Document{}, job.Errorf(job.CodeUnavailable, "report job %s: model-manage did not keep what it was sent: %s",
			id, strings.Join(wrong, ", "))
	}
	return after, nil
}

// movedOn reports whether somebody raised the document's status between our
// write and the reading after it.
func movedOn(after, before Document, ch change) bool {
	ours := before.Status()
	if s, ok := ch.fields["jobStatus"].(string); ok {
		ours = Status(s)
	}
	return after.Status() != ours && after.Status().Rank() > ours.Rank() || ours.Terminal() && after.Status().Terminal() && after.Status() != ours
}

// sendOnce writes a change once and reads the document back; replied says that it
// is the reply to the write itself.
func (c *Client) sendOnce(ctx context.Context, id string, doc Document, ch change, mode WriteMode) (after Document, replied bool, err error) {
	body, method, contentType := ch.patch(), http.MethodPatch, c.config.PatchMediaType
	if mode == WritePut {
		body, method, contentType = ch.apply(doc), http.MethodPut, typeJSON
	}
	return c.put(ctx, id, doc, method, contentType, body)
}

// patch is the merge patch of a change.
func (c change) patch() map[string]any {
	body := maps.Clone(c.fields)
	if len(c.parameters) > 0 {
		body["jobParameters"] = c.parameters
	}
	return body
}

// apply is the whole document with a change.
func (c change) apply(doc Document) map[string]any {
	body := maps.Clone(doc.Root)
	delete(body, "_links")
	maps.Copy(body, c.fields)
	if len(c.parameters) > 0 {
		old, _ := body["jobParameters"].(map[string]any)
		parameters := maps.Clone(old)
		if parameters == nil {
			parameters = map[string]any{}
		}
		maps.Copy(parameters, c.parameters)
		body["jobParameters"] = parameters
	}
	return body
}

// put sends a body to the document's item and returns the document as it stands
// afterwards: from the reply, or by reading it if the reply holds none.
func (c *Client) put(ctx context.Context, id string, doc Document, method, contentType string, body any) (after Document, replied bool, err error) {
	collection := c.collection(doc)
	path, err := itemPath(collection, id)
	if err != nil {
		return Document{}, false, err
	}
	data, err := encodeJSON(body)
	if err != nil {
		return Document{}, false, job.Errorf(job.CodeInternal, "report job %s: %w", id, err)
	}
	q := request{method: method, path: path, contentType: contentType, body: data}
	if c.config.IfMatch {
		q.ifMatch = doc.ETag
	}
	r, err := c.call(ctx, q)
	if job.CodeOf(err) == job.CodeNotFound && collection != c.config.JobsPath {
		// The document was just read elsewhere, so it is the path that is wrong.
		return Document{}, false, job.Errorf(job.CodeUnavailable, "check itemPaths for %s: %w", doc.JobType(), err)
	}
	if err != nil {
		return Document{}, false, err
	}
	if len(r.body) == 0 {
		after, err = c.get(ctx, collection, id)
		return after, false, err
	}
	after, err = r.document(id)
	return after, true, err
}

// verify names each field that does not stand as it was sent. A document that
// was read later may hold more messages. Dates are left out: servers write them
// in their own way.
func verify(doc Document, ch change, replied bool) []string {
	var p problems
	for _, field := range []string{"jobStatus", "jobResult"} {
		if want, sent := ch.fields[field]; sent && !sameJSON(doc.Root[field], want) {
			p.addf("%s", field)
		}
	}
	if want, sent := ch.fields["jobMessages"].([]any); sent {
		got, _ := doc.Root["jobMessages"].([]any)
		if !replied && len(got) > len(want) {
			got = got[:len(want)]
		}
		if !sameJSON(got, want) {
			p.addf("jobMessages")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ch.parameters)) {
		if got, _ := doc.Parameter(key); got != text(ch.parameters[key]) {
			p.addf("jobParameters.%s", key)
		}
	}
	if sent, ok := ch.fields["outputData"].([]any); ok {
		got, _ := doc.Root["outputData"].([]any)
		if len(got) != len(sent) {
			p.addf("outputData has %d elements instead of %d", len(got), len(sent))
		}
		p = append(p, contentProblems(doc, ch.outputs)...)
		for _, o := range ch.outputs {
			if o.Index < len(got) && valueText(dig(got[o.Index], "fileSize")) != strconv.Itoa(len(o.Content)) {
				p.addf("outputData[%d].fileSize", o.Index)
			}
		}
	}
	return p
}

func sameJSON(a, b any) bool { return canonical(a) == canonical(b) }

// removeExternalOutput takes TMP_EXTERNAL_OUTPUT out of a document that has it,
// and returns the document as it stands then. A merge patch cannot do that: it
// would store null.
func (c *Client) removeExternalOutput(ctx context.Context, id string, doc Document) (Document, error) {
	if !hasExternalOutput(doc) {
		return doc, nil
	}
	modes := []RemoveMode{RemoveJSONPatch, RemovePut}
	if c.config.RemoveMode == RemovePut {
		slices.Reverse(modes)
	}
	var err error
	for _, mode := range modes {
		if err = c.remove(ctx, id, doc, mode); err != nil {
			if job.CodeOf(err) == job.CodeInvalid {
				continue
			}
			return Document{}, err
		}
		// The reply may be an excerpt, and the next write builds on this one.
		if doc, err = c.get(ctx, c.collection(doc), id); err != nil {
			return Document{}, err
		}
		if !hasExternalOutput(doc) {
			return doc, nil
		}
		err = job.Errorf(job.CodeUnavailable, "report job %s: model-manage did not remove jobParameters.%s", id, ParameterExternalOutput)
	}
	return Document{}, err
}

func (c *Client) remove(ctx context.Context, id string, doc Document, mode RemoveMode) error {
	if mode == RemoveJSONPatch {
		op := []any{map[string]any{"op": "remove", "path": "/jobParameters/" + ParameterExternalOutput}}
		_, _, err := c.put(ctx, id, doc, http.MethodPatch, typeJSONPtch, op)
		return err
	}
	body := change{}.apply(doc)
	parameters := maps.Clone(body["jobParameters"].(map[string]any)) // hasExternalOutput looked inside
	delete(parameters, ParameterExternalOutput)
	body["jobParameters"] = parameters
	_, _, err := c.put(ctx, id, doc, http.MethodPut, typeJSON, body)
	return err
}

func hasExternalOutput(doc Document) bool {
	parameters, _ := doc.Root["jobParameters"].(map[string]any)
	_, ok := parameters[ParameterExternalOutput]
	return ok
}
