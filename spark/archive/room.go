package archive

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stoker-spark/stoker/store"
	"github.com/stoker-spark/stoker/store/logstore"
)

// mostDropped bounds the chunks that give way to a manifest.
const mostDropped = 3

// finishFull writes the manifest of logs that break off because the store is full. Where
// there is no room for it either, the longest of them gives its last chunk: a log that
// says where it ends is worth more than a little more of it.
func (g *gathering) finishFull(ctx context.Context, m logstore.Manifest) (*logstore.Manifest, error) {
	for dropped := 0; ; dropped++ {
		said := m
		said.Notes = slices.Clone(m.Notes)
		for _, end := range m.Streams {
			if why := g.brokenOff[end.Name]; why != nil {
				note(&said, fmt.Sprintf("%s breaks off at byte %d: %v", end.Name, end.Bytes, why))
			}
		}
		err := g.logs.Finish(ctx, said)
		if err == nil {
			return &said, g.noRoom
		}
		if !errors.Is(err, store.ErrFull) || dropped == mostDropped {
			return nil, err
		}
		if err := g.drop(ctx, &m); err != nil {
			return nil, err
		}
	}
}

// drop takes the last chunk of the longest log that breaks off. One that is large is put
// back in smaller ones, of which the last is enough.
func (g *gathering) drop(ctx context.Context, m *logstore.Manifest) error {
	var longest *logstore.StreamEnd // there is one: else this would not be called
	for i, end := range m.Streams {
		if g.brokenOff[end.Name] != nil && (longest == nil || end.Bytes > longest.Bytes) {
			longest = &m.Streams[i]
		}
	}
	stream, err := g.logs.Stream(longest.Name)
	if err != nil {
		return err
	}
	before := longest.Bytes
	longest.Bytes, longest.Chunks, err = stream.DropLast(ctx)
	if err != nil || before-longest.Bytes <= liveChunk {
		return err
	}
	_, _, err = g.pass(ctx, stream, longest.Name, liveChunk)
	full := errors.Is(err, store.ErrFull)
	if err != nil && !full {
		return err
	}
	left := longest.Bytes
	if longest.Bytes, longest.Chunks, err = stream.Size(ctx); err != nil || !full || longest.Bytes == left {
		return err // there is room now, or nothing was put back that could give way
	}
	longest.Bytes, longest.Chunks, err = stream.DropLast(ctx)
	return err
}
