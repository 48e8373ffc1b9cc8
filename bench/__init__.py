"""Benchmarks: ratios against a peer or a baseline in the same run; bench/README.md has the commands and the figures."""
