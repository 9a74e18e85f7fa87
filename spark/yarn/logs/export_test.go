package logs

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"strconv"
)

// Record of a TFile: the files of one container in their order.
type Record struct {
	Container string
	Files     []LogFile
}

// LogFile is one of a container's.
type LogFile struct {
	Name    string
	Content []byte
}

// MakeTFile writes a file of aggregated logs as a NodeManager would, with chunks
// of a size and, compressed, a block for so many records.
func MakeTFile(compressed bool, chunk, perBlock int, records ...Record) []byte {
	var out bytes.Buffer
	out.Write(magic)
	all := [][2][]byte{
		{utf("VERSION"), {0, 0, 0, 1}},
		{utf("APPLICATION_ACL"), append(utf("VIEW_APP"), utf("root")...)},
		{utf("APPLICATION_OWNER"), utf("alice")},
	}
	for _, r := range records {
		var value bytes.Buffer
		for _, f := range r.Files {
			value.Write(utf(f.Name))
			value.Write(utf(strconv.Itoa(len(f.Content))))
			value.Write(f.Content)
		}
		all = append(all, [2][]byte{utf(r.Container), value.Bytes()})
	}
	for len(all) > 0 {
		n := min(max(perBlock, 1), len(all))
		var block bytes.Buffer
		for _, kv := range all[:n] {
			writeVInt(&block, int64(len(kv[0])))
			block.Write(kv[0])
			value := kv[1]
			for ; chunk > 0 && len(value) > chunk; value = value[chunk:] {
				writeVInt(&block, -int64(chunk))
				block.Write(value[:chunk])
			}
			writeVInt(&block, int64(len(value)))
			block.Write(value)
		}
		all = all[n:]
		if !compressed {
			out.Write(block.Bytes())
			continue
		}
		z := zlib.NewWriter(&out)
		_, _ = z.Write(block.Bytes()) // a buffer takes everything
		_ = z.Close()
	}
	// TFile.meta, then some index, which is not read, and the end.
	out.Write([]byte{0, 1, 0, 0, 5, 0})
	out.WriteString("data:BCFile.index and so on")
	out.Write([]byte{0, 0, 0, 0, 0, 0, 4, 0x0f, 0, 1, 0, 0})
	out.Write(magic)
	return out.Bytes()
}

func utf(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) //nolint:gosec // short
}

// writeVInt is tfile.Utils.writeVLong.
func writeVInt(out *bytes.Buffer, n int64) {
	if n >= -32 && n < 128 {
		out.WriteByte(byte(n))
		return
	}
	un := n
	if n < 0 {
		un = ^n
	}
	bits := 0
	for ; un > 0; un >>= 1 {
		bits++
	}
	size := bits/8 + 1
	first := n >> ((size - 1) * 8)
	tail := func(count int) {
		for i := count - 1; i >= 0; i-- {
			out.WriteByte(byte(n >> (8 * i)))
		}
	}
	if size == 1 {
		size, first = 2, first>>8
	}
	for ; size <= 4; size, first = size+1, first>>8 {
		limit := []int64{20, 16, 8}[size-2]
		if first >= -limit && first < limit {
			out.WriteByte(byte(first - []int64{52, 88, 112}[size-2]))
			tail(size - 1)
			return
		}
		if size == 4 {
			break
		}
	}
	out.WriteByte(byte(size - 129))
	tail(size)
}
