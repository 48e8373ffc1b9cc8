"""How much room each table takes on disk, its indexes with it."""

from sqlalchemy import Connection

FREE = "(free)"
"""Pages of a SQLite file that hold nothing now and are used again before it grows."""

_SQLITE = (
    "SELECT m.tbl_name, SUM(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
    "WHERE s.aggregate = 1 GROUP BY m.tbl_name"
)
_POSTGRES = (
    "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c "
    "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
)


def sizes(conn: Connection) -> dict[str, int]:
    """Return bytes by table, the largest first; empty where the database does not tell. For `look`."""
    if conn.dialect.name != "sqlite":
        found = {str(name): int(size) for name, size in conn.exec_driver_sql(_POSTGRES)}
    elif not _tells(conn):
        found = {}
    else:
        found = {str(name): int(size) for name, size in conn.exec_driver_sql(_SQLITE)}
        free = _pragma(conn, "freelist_count") * _pragma(conn, "page_size")
        found |= {FREE: free} if free else {}
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def _tells(conn: Connection) -> bool:
    return any(row[0] == "ENABLE_DBSTAT_VTAB" for row in conn.exec_driver_sql("PRAGMA compile_options"))


def _pragma(conn: Connection, name: str) -> int:
    return int(conn.exec_driver_sql(f"PRAGMA {name}").scalar_one())
