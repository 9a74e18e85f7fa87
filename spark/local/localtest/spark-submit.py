# A stand-in for spark-submit: it reads the options as Spark does and becomes
# the program, a .py file, run by PYSPARK_PYTHON.
import json
import os
import sys
from urllib.parse import unquote, urlparse

FLAGS = {"-v", "--verbose", "--supervise"}


def properties(path):
    """What java.util.Properties reads, without continuation lines."""
    values = {}
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            line = line.rstrip("\n").lstrip(" \t\f")
            if not line or line[0] in "#!":
                continue
            text, i, key = "", 0, None
            while i < len(line):
                c = line[i]
                if c == "\\":
                    i += 1
                    c = line[i]
                    if c == "u":
                        c = chr(int(line[i + 1 : i + 5], 16))
                        i += 4
                    else:
                        c = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(c, c)
                elif key is None and c in "=: \t":
                    while i + 1 < len(line) and line[i + 1] in " \t":
                        i += 1
                    key, text, c = text, "", ""
                text += c
                i += 1
            values[key if key is not None else text] = text if key is not None else ""
    # \uXXXX pairs of one character
    return {k: v.encode("utf-16", "surrogatepass").decode("utf-16") for k, v in values.items()}


argv = sys.argv[1:]
conf, given, options, i = {}, {}, {}, 0
while i < len(argv) and argv[i].startswith("-"):
    if argv[i] in FLAGS:
        i += 1
        continue
    option, value = argv[i], argv[i + 1]
    i += 2
    if option == "--conf":
        key, _, value = value.partition("=")
        given[key] = value
    elif option == "--properties-file":
        conf.update(properties(value))
    else:
        options[option] = value
conf.update(given)
if i >= len(argv):
    sys.exit("spark-submit: no program given")
main, args = argv[i], argv[i + 1 :]
if main.startswith("file:"):
    main = unquote(urlparse(main).path)

env = dict(os.environ)
env["FAKE_SPARK"] = json.dumps({"argv": argv, "conf": conf, "cwd": os.getcwd(), "options": options})
if "--py-files" in options:
    env["PYTHONPATH"] = options["--py-files"].replace(",", ":")
python = env["PYSPARK_PYTHON"]
os.execve(python, [python, "-u", main] + args, env)
