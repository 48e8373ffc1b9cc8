"""Rule files, the expression language behind one small interface, their checks, in-file tests and the shipped pack."""
