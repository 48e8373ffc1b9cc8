"""Platforms and recordings: wire form to Event, one file each."""
