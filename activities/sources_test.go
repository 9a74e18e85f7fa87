package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A source reaches the cluster as UTF-8, so it must not say anything else.
func TestSourcesSayThatTheyAreUTF8(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"# -*- coding: latin-1 -*-\nx":                           "# -*- coding: utf-8 -*-\nx",
		"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx": "#!/usr/bin/python\n# vim: set fileencoding=utf-8 :\nx",
		"\r\n#coding=ascii\r\nx":                                 "\r\n#coding=utf-8\r\nx",
		"# coding: utf-8\nx":                                     "# coding: utf-8\nx",
		"x = 1\n# coding: latin-1\n":                             "x = 1\n# coding: latin-1\n",
		"#\n#\n# coding: latin-1\n":                              "#\n#\n# coding: latin-1\n",
		"\"\"\"coding: latin-1\"\"\"\n":                          "\"\"\"coding: latin-1\"\"\"\n",
		"":                                                       "",
	} {
		require.Equal(t, want, inUTF8(text))
	}
}
