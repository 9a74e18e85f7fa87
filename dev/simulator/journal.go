package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// JournalName is the file in Options.Dir that holds every revision.
const JournalName = "revisions.jsonl"

// journal is an append-only file of entries, one JSON object a line. A line is
// handed to the kernel before the reply is sent, so a killed process loses no
// write that was answered; it is not synced, a power failure may lose some.
//
// A nil journal keeps nothing.
type journal struct {
	file *os.File
	size int64 // length of the whole lines
	// broken is set when the file may end in half a line that could not be cut.
	broken error
}

// openJournal opens or creates the journal in dir and hands its entries to replay
// in order. A last line without its newline was never answered: it is cut off. Any
// other line that cannot be read is an error.
func openJournal(dir string, replay func(entry) error) (*journal, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the simulator's directory: %w", err)
	}
	path := filepath.Join(dir, JournalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &journal{file: file}
	if err := j.load(replay); err != nil {
		return nil, errors.Join(fmt.Errorf("read the journal %s: %w", path, err), file.Close())
	}
	return j, nil
}

func (j *journal) load(replay func(entry) error) error {
	r := bufio.NewReaderSize(j.file, 1<<16)
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				return j.file.Truncate(j.size)
			}
			return nil
		}
		if err != nil {
			return err
		}
		var e entry
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		if err := d.Decode(&e); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if err := replay(e); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		j.size += int64(len(line))
	}
}

// append writes one entry. When it fails the file is as it was.
func (j *journal) append(e entry) error {
	if j == nil {
		return nil
	}
	if j.broken != nil {
		return j.broken
	}
	line, err := encode(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := j.file.Write(line); err != nil {
		if cut := j.file.Truncate(j.size); cut != nil {
			j.broken = fmt.Errorf("the journal ends in half a line: %w", cut)
		}
		return fmt.Errorf("append to the journal: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.file.Close()
}
