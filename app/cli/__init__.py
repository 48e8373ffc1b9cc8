"""The command line: `cueroom` or `python -m app`; arguments in, lines out, an exit code a script can use."""
