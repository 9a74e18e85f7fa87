"""How the model is imported, called, and what is told of its end; plain Python, no Spark."""

import ast

import pytest

OK = "def score(a, b, c):\n    print('scored by', __name__)\n"


# --- importing ---------------------------------------------------------------


@pytest.mark.parametrize("entries", [True, False], ids=["folders listed", "folders not listed"])
@pytest.mark.parametrize(
    "path, name",
    [
        ("m.py", "m"),
        ("pkg/model.py", "pkg.model"),
        ("pkg/deep/model.py", "pkg.deep.model"),
        ("my-model.py", "my-model"),
        ("my model (1).py", "my model (1)"),
        ("größe.py", "größe"),
        ("pkg/my-model.py", "pkg.my-model"),
        ("class.py", "class"),
        # no module has such a name
        ("my.model.v2.py", "stoker_model_my_model_v2"),
        ("v1.2/model.py", "stoker_model_v1_2.model"),
        ("model", "stoker_model_model"),
        ("__init__.py", "stoker_model___init__"),
        # taken
        ("json.py", "stoker_model_json"),
        ("random.py", "stoker_model_random"),
        ("sys.py", "stoker_model_sys"),
        ("test.py", "stoker_model_test"),
        ("__main__.py", "stoker_model___main__"),
        ("json/model.py", "stoker_model_json.model"),
        ("email/deep/model.py", "stoker_model_email.deep.model"),
    ],
)
def test_any_path(attempt, path, name, entries):
    attempt.environment["PYTHONIOENCODING"] = "utf-8"
    folder = path.rpartition("/")[0]
    helper = (folder + "/helper.py").lstrip("/")
    sources = {path: "import helper\nhelper.help()\n" + OK, helper: "def help(): print('helped')"}
    result = attempt.run(sources, path=path, entries=entries)
    assert result.code == 0, result
    assert "scored by %s\n" % name in result.out
    assert "helped\n" in result.out
    assert attempt.status["state"] == "returned"
    if name.startswith("stoker_model_"):
        assert "stoker: importing %s as module stoker_model_" % path in result.out
        assert ", because " in result.out


@pytest.mark.parametrize("top", ["pkg", "json"])
def test_packages(attempt, top):
    """Relative imports and __init__.py work, under an alias too."""
    result = attempt.run(
        {
            top + "/__init__.py": "LEVEL = 'package'\n",
            top + "/deep/__init__.py": "",
            top + "/deep/model.py": "from . import near\nfrom .. import far, LEVEL\n"
            "def score(a, b, c): print(near.NAME, far.NAME, LEVEL)\n",
            top + "/deep/near.py": "NAME = 'near'",
            top + "/far.py": "NAME = 'far'",
        },
        path=top + "/deep/model.py",
    )
    assert result.code == 0, result
    assert "near far package\n" in result.out


def test_package_as_primary(attempt):
    result = attempt.run({"pkg/__init__.py": "from .inner import score\n", "pkg/inner.py": OK}, path="pkg/__init__.py")
    assert result.code == 0 and "scored by pkg.inner\n" in result.out, result


def test_siblings_do_not_replace_the_standard_library(attempt):
    """Neither in the driver, before the marker, nor in the libraries a model imports."""
    names = ["json", "re", "datetime", "traceback", "inspect", "zipfile", "types", "random", "queue", "tempfile"]
    sources = {name + ".py": "raise RuntimeError('%s of the model ran')" % name for name in names}
    sources["m.py"] = "import random, queue, tempfile\nimport sibling\n" + OK
    sources["sibling.py"] = ""
    result = attempt.run(sources)
    assert result.code == 0, result


def test_model_may_be_called_as_the_driver_is(attempt):
    result = attempt.run({"ModelOpPySparkDriver.py": OK}, path="ModelOpPySparkDriver.py")
    assert result.code == 0 and "scored by stoker_model_ModelOpPySparkDriver\n" in result.out, result


def test_source_missing_from_the_archive(attempt):
    result = attempt.run({"other.py": OK}, path="m.py")
    assert result.code == 1
    assert attempt.status["stage"] == "import" and attempt.status["errorType"] == "stoker.ModelError"
    assert "m.py is in no directory or archive" in attempt.status["message"]


def test_module_alone(attempt):
    attempt.job["source"]["module"] = "pkg.model"
    attempt.write_sources({"pkg/model.py": OK})
    del attempt.job["source"]["path"]
    result = attempt.start()
    assert result.code == 0 and "scored by pkg.model" in result.out, result


def test_aliased_module_is_an_ordinary_module(attempt):
    result = attempt.run(
        {
            "json.py": "import pickle, inspect, sys\n"
            "import json as real\n"
            "assert real.dumps([1]) == '[1]'\n"
            "class Point:\n"
            "    pass\n"
            "def score(a, b, c):\n"
            "    assert isinstance(pickle.loads(pickle.dumps(Point())), Point)\n"
            "    assert 'class Point' in inspect.getsource(Point)\n"
            "    assert __file__.endswith('sources.zip/json.py'), __file__\n"
        },
        path="json.py",
    )
    assert result.code == 0, result


# --- calling -------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ("", "none"),
        ("*args", "none"),
        ("**kwargs", "none"),
        ("param", "document"),
        ("param=None", "document"),
        ("param, debug=False", "document"),
        ("param, *args, debug=False", "document"),
    ],
)
def test_init(attempt, parameters, expected):
    attempt.job["init"] = {"name": "begin", "origin": "smart comment # modelop.init"}
    document = "param['rawJson']" if expected == "document" else "None"
    result = attempt.run(
        "import json\n"
        "def begin(%s):\n"
        "    global DOCUMENT\n"
        "    DOCUMENT = %s\n"
        "def score(a, b, c):\n"
        "    print('document', DOCUMENT and json.loads(DOCUMENT) == %r)\n" % (parameters, document, attempt.job["document"])
    )
    assert result.code == 0, result
    assert "document %s\n" % (True if expected == "document" else None) in result.out
    how = "with the job document" if expected == "document" else "without arguments"
    assert "stoker: calling begin (smart comment # modelop.init) from m.py %s\n" % how in result.out


@pytest.mark.parametrize("parameters", ["a, b", "a, *, b", "*, a"])
def test_init_with_other_arguments(attempt, parameters):
    attempt.job["init"] = {"name": "begin", "origin": "x"}
    result = attempt.run("from tracing import trace\ndef begin(%s): trace('begin')\ndef score(a,b,c): trace('score')" % parameters)
    assert result.code == 1 and attempt.called == []
    assert attempt.status["stage"] == "init" and attempt.status["errorType"] == "stoker.ModelError"
    assert "begin (x) in m.py takes (%s)" % parameters in attempt.status["message"]


@pytest.mark.parametrize("name, stage", [("begin", "init"), ("score", "function")])
@pytest.mark.parametrize("value", ["", "{name} = 3"])
def test_function_missing_or_not_callable(attempt, name, stage, value):
    if name == "begin":
        attempt.job["init"] = {"name": "begin", "origin": "asset field initFunction"}
    result = attempt.run(value.format(name=name))
    assert result.code == 1
    status = attempt.status
    assert (status["state"], status["stage"], status["errorType"]) == ("raised", stage, "stoker.ModelError")
    origin = "asset field " + stage.replace("function", "score") + "Function"
    assert "%s (%s)" % (name, origin) in status["message"] and "m.py" in status["message"]
    assert ("not a function but of type int" if value else "not defined") in status["message"]
    assert status["traceback"] == "stoker.ModelError: %s\n" % status["message"]


@pytest.mark.parametrize("parameters", ["", "data", "a, b, c, d", "a, b, *, c"])
def test_function_with_other_arguments(attempt, parameters):
    result = attempt.run("from tracing import trace\ndef score(%s): trace('score')" % parameters)
    assert result.code == 1 and attempt.called == []
    assert "score (asset field scoreFunction) in m.py takes (%s); it is called with three arguments" % parameters in attempt.status["message"]


@pytest.mark.parametrize(
    "text",
    [
        "def score(a, b, c):\n    trace('one')\n    yield {}\n    trace('two')\n",
        "def inner():\n    trace('one')\n    yield 1\n    trace('two')\ndef score(a, b, c): return inner()\n",
        "class Scorer:\n    def __call__(self, a, b, c, d=1):\n        trace('one'); trace('two')\nscore = Scorer()\n",
        "import functools\ndef f(x, a, b, c):\n    trace('one'); trace('two')\nscore = functools.partial(f, 0)\n",
    ],
    ids=["generator function", "returned generator", "callable object", "partial"],
)
def test_callables_and_generators(attempt, text):
    result = attempt.run("from tracing import trace\n" + text)
    assert result.code == 0, result
    assert attempt.called == ["one", "two"]


def test_generator_that_raises(attempt):
    result = attempt.run("def score(a, b, c):\n    yield 1\n    raise ValueError('late')\n")
    assert result.code == 1 and attempt.status["message"] == "late"


def test_generator_init(attempt):
    attempt.job["init"] = {"name": "begin", "origin": "x"}
    result = attempt.run("from tracing import trace\ndef begin():\n    trace('begin')\n    yield\ndef score(a, b, c): trace('score')")
    assert result.code == 0 and attempt.called == ["begin", "score"], result


@pytest.mark.parametrize("body", ["pass", "yield 1"])
def test_async_functions_are_refused(attempt, body):
    result = attempt.run("async def score(a, b, c):\n    %s\n" % body)
    assert result.code == 1 and "asynchronous" in attempt.status["message"]
    assert "never awaited" not in result.err


# --- ends ------------------------------------------------------------------------


STAGES = {
    "import": "{}\ndef begin(): pass\ndef score(a, b, c): pass\n",
    "init": "def begin():\n    {}\ndef score(a, b, c): pass\n",
    "function": "def begin(): pass\ndef score(a, b, c):\n    {}\n",
}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_raises(attempt, stage):
    attempt.job["init"] = {"name": "begin", "origin": "x"}
    result = attempt.run(STAGES[stage].format("raise ValueError('no é')"))
    assert result.code == 1, result
    status = attempt.status
    assert (status["state"], status["stage"]) == ("raised", stage)
    assert (status["errorType"], status["message"]) == ("ValueError", "no é")
    lines = status["traceback"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "sources.zip/m.py\", line" in lines[1] and "ModelOpPySparkDriver" not in status["traceback"]
    assert lines[2].strip() == "raise ValueError('no é')"
    assert lines[-1] == "ValueError: no é"
    assert "raise ValueError" in result.err and "Traceback" in result.err
    assert "end" in status


@pytest.mark.parametrize("stage", sorted(STAGES))
@pytest.mark.parametrize("call", ["sys.exit(0)", "sys.exit()", "sys.exit(False)", "exit(0)"])
def test_exit_zero_is_a_normal_end(attempt, stage, call):
    attempt.job["init"] = {"name": "begin", "origin": "x"}
    result = attempt.run("import sys\n" + STAGES[stage].format(call))
    assert result.code == 0, result
    assert (attempt.status["state"], attempt.status["stage"]) == ("returned", stage)
    assert "errorType" not in attempt.status


@pytest.mark.parametrize("code", ["3", "256", "'bad input'", "1.0", "0.0", "-1"])
def test_other_exits_are_raised(attempt, code):
    result = attempt.run("import sys\ndef score(a, b, c): sys.exit(%s)" % code)
    assert result.code == 1, result
    assert attempt.status["errorType"] == "SystemExit"
    assert attempt.status["message"] == "the model called sys.exit(%s)" % code


@pytest.mark.parametrize(
    "statement, kind",
    [
        ("raise KeyboardInterrupt()", "KeyboardInterrupt"),
        ("raise GeneratorExit()", "GeneratorExit"),
        ("class Own(BaseException): pass\n    raise Own('x')", "m.score.<locals>.Own"),
        ("import json; json.loads('{')", "json.decoder.JSONDecodeError"),
        ("import absent_module", "ModuleNotFoundError"),
        ("score(a, b, c)", "RecursionError"),
    ],
)
def test_error_types(attempt, statement, kind):
    result = attempt.run("def score(a, b, c):\n    %s\n" % statement)
    assert result.code == 1, result
    assert attempt.status["errorType"] == kind


def test_syntax_error_names_file_and_line(attempt):
    result = attempt.run("x = 1\ndef score(:\n")
    assert result.code == 1
    assert attempt.status["errorType"] == "SyntaxError" and attempt.status["stage"] == "import"
    assert "m.py\", line 2" in attempt.status["traceback"]
    assert "importlib" not in attempt.status["traceback"]


def test_traceback_of_an_aliased_module_shows_its_lines(attempt):
    result = attempt.run("import sys\nraise ValueError('here')", path="json.py")
    assert result.code == 1
    lines = attempt.status["traceback"].splitlines()
    assert "sources.zip/json.py\", line 2" in lines[1] and "raise ValueError('here')" in lines[2]


def test_causes_are_told(attempt):
    attempt.run("def score(a, b, c):\n    try:\n        1/0\n    except Exception as e:\n        raise ValueError('x') from e\n")
    trace = attempt.status["traceback"]
    assert "ZeroDivisionError" in trace and "direct cause" in trace and "ModelOpPySparkDriver" not in trace


def test_caps(attempt):
    result = attempt.run("def score(a, b, c):\n    raise ValueError('m' * 100000 + 'END')\n")
    assert result.code == 1
    status = attempt.status
    assert status["message"] == "m" * 4000
    assert len(status["traceback"]) == 16000 and status["traceback"].endswith("mEND\n")
    assert status["traceback"].startswith("... (beginning cut)\n")


def test_excerpt_of_a_short_traceback_is_all_of_it(attempt):
    attempt.run("def score(a, b, c):\n    raise ValueError('short')\n")
    assert attempt.status["excerpt"] == attempt.status["traceback"]


LONG = {
    "long message": "raise ValueError('first\\n' + '\\n'.join('line %d' % i for i in range(60)))",
    "huge message": "raise ValueError('m' * 1000000)",
    "wide characters": "raise ValueError('\U0001F600' * 5000)",
    "raised in a library": "import json; json.loads('[' * 100000)",
    "raised from a library's error": "try:\n        import json; json.loads('[' * 100000)\n    except BaseException as e: raise RuntimeError('x\\n' * 50) from e",
    "deep": "def f(n): return f(n - 1) if n else 1 / 0\n    f(300)",
}


@pytest.mark.parametrize("name", sorted(LONG))
def test_excerpt_shows_the_models_own_line(attempt, name):
    attempt.run("def score(a, b, c):\n    %s\n" % LONG[name])
    brief = attempt.status["excerpt"]
    assert len(brief.encode("utf-8")) <= 1900 and brief.count("\n") <= 20
    assert "sources.zip/m.py\", line" in brief, brief
    assert attempt.status["errorType"].split(".")[-1] in brief


@pytest.mark.parametrize("character", ["'\\ud800'", "'\\U0001F600'", "'\\0'", "'ü'", "'\"'"])
def test_any_text_in_a_message(attempt, character):
    """The status stays readable and under its bound, which ASCII escapes would pass."""
    attempt.environment["PYTHONIOENCODING"] = "ascii"
    result = attempt.run("def score(a, b, c):\n    raise ValueError(%s * 30000 + 'END')\n" % character)
    assert result.code == 1, result
    status = attempt.status
    assert status["message"].startswith(ast.literal_eval(character) * 1000)
    assert status["traceback"].endswith("END\n")
    assert "END" in result.err


def test_errors_that_cannot_be_told(attempt):
    bad = "class Bad(Exception):\n    def __str__(self): raise RuntimeError('again')\n    __repr__ = __str__\n"
    result = attempt.run(bad + "def score(a, b, c):\n    raise Bad()\n")
    assert result.code == 1, result
    assert attempt.status["errorType"] == "m.Bad"
    assert attempt.status["message"] == "<unprintable Bad>"
    attempt.started.unlink()
    attempt.run(bad + "def score(a, b, c):\n    raise SystemExit(Bad())\n")
    assert attempt.status["message"] == "the model called sys.exit(<unprintable Bad>)"


# --- models that meddle ------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "os.chdir('/')",
        "os.environ.clear()",
        "sys.stdout = open(os.devnull, 'w'); sys.stderr = sys.stdout",
        "sys.stdout.close(); sys.stderr.close()",
        "sys.stdout = None; sys.stderr = None",
        "sys.stdout = type('Broken', (), {'write': None, 'flush': lambda self: 1/0})()",
        "os.replace = os.write = os.getpid = os.fsync = None",
        "json.dumps = json.loads = None",
        "builtins.open = builtins.print = None",
        "sys.exit = None",
        "sys.argv[:] = []",
        "sys.path[:] = []",
        "shutil.rmtree(os.getcwd())",
        "sys.modules.clear()",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ],
)
@pytest.mark.parametrize("end", ["", "raise ValueError('x')"])
def test_models_that_meddle(attempt, statement, end):
    result = attempt.run(
        "import builtins, json, os, shutil, signal, sys\ndef score(a, b, c):\n    %s\n    %s\n" % (statement, end)
    )
    assert result.code == (1 if end else 0), result
    assert attempt.status["state"] == ("raised" if end else "returned")


def test_redirected_output_does_not_take_the_drivers(attempt):
    result = attempt.run("import sys, os\ndef score(a, b, c):\n    sys.stdout = open('own', 'w')\n    print('mine')\n")
    assert result.code == 0, result
    assert "stoker: score returned" in result.out
    assert (attempt.work / "own").read_text() == "mine\n"


def test_end_without_the_driver_leaves_running(attempt):
    result = attempt.run("import os\ndef score(a, b, c): os._exit(0)\n")
    assert result.code == 0
    assert attempt.status["state"] == "running"


@pytest.mark.parametrize("end, told", [("sys.exit(0)", ""), ("raise ValueError('child')", "ValueError: child")])
def test_forked_child_does_not_tell_the_end(attempt, end, told):
    """A child that leaves the function looks just like the function leaving."""
    result = attempt.run(
        "import json, os, sys\n"
        "def score(a, b, c):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        print('from the child')\n"
        "        %s\n"
        "    print('child ended', os.waitpid(child, 0)[1] >> 8)\n"
        "    assert json.load(open(%r))['state'] == 'running'\n" % (end, str(attempt.status_file))
    )
    assert result.code == 0, result
    assert told in result.err and "from the child" in result.out
    assert "child ended %d\n" % (1 if told else 0) in result.out
    assert attempt.status["state"] == "returned"


def test_names_stay_on_one_line(attempt):
    attempt.job["function"]["origin"] = "a\nstoker: score returned\u2028"
    result = attempt.run("def score(a, b, c): 1/0\n")
    assert not [line for line in result.out.splitlines() if line == "stoker: score returned"]
