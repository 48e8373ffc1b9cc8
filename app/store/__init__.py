"""SQL: the tables, the one transaction of a step, reads, and the outbox."""
