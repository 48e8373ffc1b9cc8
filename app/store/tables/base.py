"""What every table is made with: one MetaData, names of constraints that a migration can rely on, column shorthands."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Text, text
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


def text_column(name: str, *items: SchemaItem, **options: Any) -> Column[Any]:
    return Column(name, Text, *items, **{"nullable": False, **options})


def number_column(name: str, *items: SchemaItem, **options: Any) -> Column[Any]:
    return Column(name, Number, *items, **{"nullable": False, **options})


def bytes_column(name: str, **options: Any) -> Column[Any]:
    return Column(name, LargeBinary, **{"nullable": False, **options})


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
