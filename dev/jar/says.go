package jar

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Says is what the program writes to stdout: of the file limits.txt, the conf key
// spark.example.word and the arguments behind the first, which begins the name of the
// file that lets it go.
func Says(file, word string, args []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "word helped\nfile %s\nconf %s\nsum 499500\n", file, word)
	for _, arg := range args {
		fmt.Fprintf(&b, "arg %s\n", hex.EncodeToString([]byte(arg)))
	}
	b.WriteString("bye\n")
	return b.String()
}
