"""Metrics: what a process counts of itself for those who operate it, told in Prometheus' text form."""
