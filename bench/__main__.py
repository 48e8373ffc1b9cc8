"""`python -m bench [NAME ...]`: run the named benchmarks, or all of them, one after the other."""

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

import bench


def names() -> list[str]:
    """The benchmarks there are: every module of this package with a `main`."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))


def _first_line(name: str) -> str:
    """What a benchmark says of itself, without the cost of loading it."""
    source = (Path(bench.__path__[0]) / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def run(wanted: list[str]) -> int:
    """Run them; a name that is none is refused before anything runs."""
    known = names()
    if {"-h", "--help"} & set(wanted):
        print("make bench [ARGS='NAME ...']: measure these, or all; bench/README.md says what against.\n")
        for name in known:
            print(f"  {name:<9} {_first_line(name)}")
        return 0
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name in wanted or known:
        print(f"== {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
