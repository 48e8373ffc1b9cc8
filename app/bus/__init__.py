"""Transport between processes: session log, frame log, ownership."""
