"""Tags, their types, and the tags that features have."""

from typing import Any

from flask import Blueprint, Response

from eastwind.errors import NotFound, Problem, msg
from eastwind.flags.catalogue import Catalogue
from eastwind.flags.model import Noun, Tag, TagType
from eastwind.validation import checked
from eastwind.web.unleash.admin_shapes import feature_of, names_in, only, shown_tag
from eastwind.web.unleash.answers import answer, empty
from eastwind.web.unleash.auth import actor
from eastwind.web.unleash.body import read_object
from eastwind.web.unleash.wire import Wire, route

_TYPES, _TAGS = "/api/admin/tag-types", "/api/admin/tags"
_F = "/api/admin/features/<feature>/tags"


def register(blueprint: Blueprint, wire: Wire) -> None:
    """Put the routes on `blueprint`."""
    types, tags, worn = _Types(wire), _Tags(wire), _Worn(wire)
    for rule, view in (
        (f"GET {_TYPES}", types.all), (f"POST {_TYPES}", types.add), (f"POST {_TYPES}/validate", types.validate),
        (f"GET {_TYPES}/<name>", types.get), (f"PUT {_TYPES}/<name>", types.put),
        (f"DELETE {_TYPES}/<name>", types.remove),
        (f"GET {_TAGS}", tags.all), (f"POST {_TAGS}", tags.add), (f"GET {_TAGS}/<kind>", tags.of_type),
        (f"GET {_TAGS}/<kind>/<value>", tags.get), (f"DELETE {_TAGS}/<kind>/<value>", tags.remove),
        (f"GET {_F}", worn.all), (f"POST {_F}", worn.add), (f"PUT {_F}", worn.change),
        (f"DELETE {_F}/<kind>/<value>", worn.remove), ("PUT /api/admin/projects/<project>/tags", worn.change_many),
    ):
        route(blueprint, rule, view)


class _Change(Noun):
    added_tags: tuple[Tag, ...] = ()
    removed_tags: tuple[Tag, ...] = ()


class _Types:
    def __init__(self, wire: Wire) -> None:
        self._words, self._most = Catalogue(wire.db), wire.largest_body

    def all(self) -> Response:
        """All of them."""
        return answer({"version": 1, "tagTypes": [t.wire() for t in self._words.tag_types()]})

    def get(self, name: str) -> Response:
        """One of them."""
        return answer({"version": 1, "tagType": self._words.tag_type(name).wire()})

    def add(self) -> Response:
        """A new one."""
        made = checked(TagType, read_object(self._most))
        self._words.add_tag_type(made, actor())
        return answer(made.wire(), 201, {"Location": f"{_TYPES}/{made.name}"})

    def put(self, name: str) -> Response:
        """Describe one anew."""
        before = self._words.tag_type(name).model_dump()
        said = only(read_object(self._most), "description", "icon", "color")
        self._words.put_tag_type(checked(TagType, {**before, **said}), actor())
        return empty(200)

    def remove(self, name: str) -> Response:
        """Remove one that no tag has."""
        self._words.remove_tag_type(name, actor())
        return empty(200)

    def validate(self) -> Response:
        """Whether a new one could be made of this."""
        asked = checked(TagType, read_object(self._most))
        return answer({"valid": asked.name not in {t.name for t in self._words.tag_types()}, "tagType": asked.wire()})


class _Tags:
    def __init__(self, wire: Wire) -> None:
        self._words, self._most = Catalogue(wire.db), wire.largest_body

    def all(self) -> Response:
        """All of them."""
        return answer({"version": 1, "tags": [shown_tag(t) for t in self._words.tags()]})

    def of_type(self, kind: str) -> Response:
        """Those of one type."""
        return answer({"version": 1, "tags": [shown_tag(t) for t in self._words.tags(kind)]})

    def get(self, kind: str, value: str) -> Response:
        """One of them."""
        for found in self._words.tags(kind):
            if found.value == value:
                return answer({"version": 1, "tag": shown_tag(found)})
        raise NotFound(Problem("tag", msg("there is no {name}", name=f"{kind}:{value}")))

    def add(self) -> Response:
        """A new one, which no feature has yet."""
        made = checked(Tag, read_object(self._most))
        self._words.add_tag(made, actor())
        return answer(shown_tag(made), 201)

    def remove(self, kind: str, value: str) -> Response:
        """Remove one that no feature has."""
        self._words.remove_tag(checked(Tag, {"type": kind, "value": value}), actor())
        return empty(200)


class _Worn:
    def __init__(self, wire: Wire) -> None:
        self._flags, self._db, self._most = wire.flags, wire.db, wire.largest_body

    def all(self, feature: str) -> Response:
        """A feature's tags."""
        return self._shown(self._flags.feature(feature).tags)

    def add(self, feature: str) -> Response:
        """One more."""
        made = checked(Tag, read_object(self._most))
        self._flags.tag(feature, (made,), (), actor())
        return answer(shown_tag(made), 201)

    def change(self, feature: str) -> Response:
        """Some more and some less: `{addedTags, removedTags}`."""
        asked = checked(_Change, read_object(self._most))
        return self._shown(self._flags.tag(feature, asked.added_tags, asked.removed_tags, actor()).tags)

    def remove(self, feature: str, kind: str, value: str) -> Response:
        """One less."""
        self._flags.tag(feature, (), (checked(Tag, {"type": kind, "value": value}),), actor())
        return empty(200)

    def change_many(self, project: str) -> Response:
        """The same for several features, or for none: `{features, tags: {addedTags, removedTags}}`."""
        data = read_object(self._most)
        asked = checked(_Change, data.get("tags"), "tags")
        names = names_in(data)
        for name in names:
            feature_of(self._flags, project, name)
        with self._db.write() as tx:
            for name in names:
                self._flags.tag(name, asked.added_tags, asked.removed_tags, actor(), tx)
        return empty(200)

    def _shown(self, tags: tuple[Tag, ...]) -> Response:
        shown: list[dict[str, Any]] = [shown_tag(t) for t in tags]
        return answer({"version": 1, "tags": shown})
