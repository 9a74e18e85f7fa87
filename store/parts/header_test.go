package parts

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReadFirstLine(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", maxHeader)
	for _, c := range []struct {
		name, begin string
		text        string
		size, end   int
		none        bool
	}{
		{name: "line", begin: "a,b\n1,2\n", text: "a,b", size: 4, end: 1},
		{name: "crlf", begin: "a,b\r\n1,2\r\n", text: "a,b", size: 5, end: 2},
		{name: "no line end", begin: "a,b", text: "a,b", size: 3},
		{name: "carriage return at the end", begin: "a,b\r", text: "a,b\r", size: 4},
		{name: "byte order mark", begin: bom + "a,b\n", text: "a,b", size: 7, end: 1},
		{name: "quoted newline", begin: "\"a\nb\",c\nd,e\n", text: "\"a\nb\",c", size: 8, end: 1},
		{name: "doubled quotes", begin: "\"a\"\"\nb\",c\nd\n", text: "\"a\"\"\nb\",c", size: 10, end: 1},
		{name: "escaped quote", begin: "\"a\\\"\nb\",c\nd\n", text: "\"a\\\"\nb\",c", size: 10, end: 1},
		{name: "quote inside a field", begin: "5\" pipe,b\nd\n", text: "5\" pipe,b", size: 10, end: 1},
		{name: "open quote", begin: "\"a,b\nc\n", text: "\"a,b", size: 5, end: 1},
		{name: "empty quotes", begin: "\"\",b\nc\n", text: "\"\",b", size: 5, end: 1},
		{name: "longest", begin: longest + "\nx\n", text: longest, size: maxHeader + 1, end: 1},
		{name: "longest with all around it", begin: bom + longest + "\r\n", text: longest, size: peekSize, end: 2},
		{name: "too long", begin: longest + "x\n", none: true},
		{name: "too long for the window", begin: (longest + longest)[:peekSize], none: true},
		{name: "empty", none: true},
		{name: "empty line", begin: "\na,b\n", none: true},
		{name: "byte order mark alone", begin: bom, none: true},
		{name: "utf-16", begin: "\xff\xfea\x00,\x00b\x00\n\x00", none: true},
		{name: "gzip", begin: "\x1f\x8b\x08abc\n", none: true},
		{name: "bzip2", begin: "BZh91AY&SYabc\n", none: true},
		{name: "not bzip2", begin: "BZhello,b\n1\n", text: "BZhello,b", size: 10, end: 1},
		{name: "parquet", begin: "PAR1\x15\x04\n", none: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			line, ok := readFirstLine([]byte(c.begin))
			require.Equal(t, !c.none, ok)
			require.Equal(t, c.text, string(line.text))
			require.Equal(t, c.size, line.size)
			require.Equal(t, c.end, line.end)
		})
	}
}

func TestLooksLikeHeader(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"a,b":               true,
		"id":                true,
		"_c0,_c1":           true,
		"_1,_2":             true,
		"E1,T2,Z3":          true,
		"a b, c":            true,
		`"a","b,c"`:         true,
		`"a \"x\" b",c`:     true,
		"ä,日本":              true,
		"a1,2b":             true,
		"sum(x),max(x, y)":  true,
		"a;b;c":             true,
		"a\tb":              true,
		"a,a":               false,
		"a, a":              false,
		"a,":                false,
		",a":                false,
		`a,""`:              false,
		"a,1":               false,
		"a,1.5":             false,
		"a, 1":              false,
		`a,"1"`:             false,
		"a,-1e9":            false,
		"a,NaN":             false,
		"a,Infinity":        false,
		"a,1,000":           false,
		"x,2024-01-31":      false,
		"x,2024-01-31T1:2Z": false,
		"x,12:30":           false,
		"x,$5.00":           false,
		"x,7 %":             false,
		"x,true":            false,
		"x,NULL":            false,
		"1;2;3":             false,
		"a;1":               false,
		"a;a":               false,
		"a|7":               false,
	} {
		require.Equal(t, want, looksLikeHeader([]byte(line)), line)
	}
}

// A record made of fields is found whole, whatever follows it.
func TestRecordEndFindsWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(rapid.StringMatching(`[a-c," \n]{0,5}`), 1, 5).Draw(t, "fields")
		for i, f := range fields {
			if strings.ContainsAny(f, "\",\n") {
				fields[i] = `"` + strings.ReplaceAll(f, `"`, `""`) + `"`
			}
		}
		record := strings.Join(fields, ",") + rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
		rest := rapid.StringMatching(`[a-c,\n]{0,9}`).Draw(t, "rest")
		require.Equal(t, len(record), recordEnd([]byte(record+rest)))
	})
}

func FuzzReadFirstLine(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", bom + "\"a\nb\"\r\n", "\x1f\x8b", "\"", "a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, begin []byte) {
		begin = begin[:min(len(begin), peekSize)]
		line, ok := readFirstLine(begin)
		if !ok {
			return
		}
		require.LessOrEqual(t, line.size, len(begin))
		require.NotEmpty(t, line.text)
		text := bytes.TrimPrefix(begin[:line.size-line.end], []byte(bom))
		require.Equal(t, string(text), string(line.text))
		looksLikeHeader(line.text)
		comesAgain(begin, line)
	})
}
