"""The SQL of tags, their types, and context fields. The tables stand beside those of features, in `store`."""

from collections.abc import Iterable

from sqlalchemy import Text, cast, select

from eastwind.db import Connection
from eastwind.db.upsert import insert, put
from eastwind.flags import store
from eastwind.flags.model import ContextField, Tag, TagType


def tag_types(tx: Connection) -> list[TagType]:
    """All tag types, by name."""
    rows = tx.execute(select(store.tag_type).order_by(store.tag_type.c.name)).mappings()
    return [TagType.model_validate(dict(r)) for r in rows]


def put_tag_type(tx: Connection, item: TagType) -> None:
    """Insert or replace a tag type."""
    put(tx, store.tag_type, [item.model_dump()])


def remove_tag_type(tx: Connection, name: str) -> None:
    """Delete a tag type."""
    tx.execute(store.tag_type.delete().where(store.tag_type.c.name == name))


def tags(tx: Connection) -> list[Tag]:
    """All tags, by type and value."""
    rows = tx.execute(select(store.tag).order_by(store.tag.c.type, store.tag.c.value)).mappings()
    return [Tag.model_validate(dict(r)) for r in rows]


def keep_tags(tx: Connection, items: Iterable[Tag]) -> None:
    """Insert those tags that are not there yet."""
    rows = [t.model_dump() for t in items]
    if rows:
        tx.execute(insert(tx, store.tag).on_conflict_do_nothing(), rows)


def remove_tag(tx: Connection, item: Tag) -> None:
    """Delete a tag."""
    tx.execute(store.tag.delete().where(store.tag.c.type == item.type, store.tag.c.value == item.value))


def tagged(tx: Connection, item: Tag) -> list[str]:
    """The features, in use or not, that have a tag."""
    query = select(store.feature.c.name, cast(store.feature.c.tags, Text).label("tags")).where(
        store.feature.c.deleted_at.is_(None)).order_by(store.feature.c.name)
    return [row["name"] for row in tx.execute(query).mappings() if str(item) in store.tags_of(row)]


def fields(tx: Connection) -> list[ContextField]:
    """All context fields, in their order."""
    rows = tx.execute(select(store.context_field).order_by(
        store.context_field.c.sort_order, store.context_field.c.name)).mappings()
    return [ContextField.model_validate(dict(r)) for r in rows]


def put_field(tx: Connection, item: ContextField) -> None:
    """Insert or replace a context field."""
    put(tx, store.context_field, [item.model_dump() | {"legal_values": [v.wire() for v in item.legal_values]}])


def remove_field(tx: Connection, name: str) -> None:
    """Delete a context field."""
    tx.execute(store.context_field.delete().where(store.context_field.c.name == name))
