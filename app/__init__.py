"""Cueroom 控台: a real-time control room for livestream commerce."""

__version__ = "0.1.0"
