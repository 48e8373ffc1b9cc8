"""Live sessions in this process: the worker that applies and commits, the hub that makes frames, the viewers."""
