"""`python -m bench [NAME ...]`: run the named benchmarks, or all of them, one after the other."""

import importlib
import pkgutil
import sys

import bench


def names() -> list[str]:
    """The benchmarks there are: every module of this package with a `main`."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if not module.name.startswith("_"))


def run(wanted: list[str]) -> int:
    """Run them; a name that is none is refused before anything runs."""
    known = names()
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
