package faults

// What a model does once it has counted its start.
const (
	// returning writes its output and returns.
	returning = `write()`
	// waiting does so when the test lets it.
	waiting = `
wait()
write()`
	// raising fails.
	raising = `raise ValueError("as the test wants it")`
)

// prelude counts the start of user code as the first thing it does.
const prelude = `import os
import time
from urllib.parse import unquote, urlparse

BASE = %s

with open(BASE + ".starts", "a") as f:
    f.write("%%d\n" %% os.getpid())


def wait():
    while not os.path.exists(BASE + ".go"):
        time.sleep(0.02)


def score(external_inputs, external_outputs, external_model_assets):
    def write(text="id,score\n1,0.5\n"):
        for asset in external_outputs:
            with open(unquote(urlparse(asset["fileUrl"]).path), "w") as f:
                f.write(text)

`
