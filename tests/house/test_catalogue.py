"""Every text that a person can see is there in Chinese too, and says the same."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

SOURCE = Path(__file__).resolve().parents[2] / "platform"
WEB = SOURCE / "eastwind" / "web"
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "msg": (1,)}
_BRACES = re.compile(r"\{\w*\}")
_NAMED = re.compile(r"%\(\w+\)s")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def found() -> set[str | tuple[str, str]]:
    """Every template in the source, as the extractor sees it."""
    with (WEB / "babel.cfg").open(encoding="utf-8") as config:
        methods, options = parse_mapping_cfg(config)
    parts = extract_from_dir(SOURCE, methods, options, KEYWORDS)
    return {message for _file, _line, message, _comments, _context in parts}


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    """The Chinese texts."""
    with (WEB / "translations" / "zh" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale="zh")


def entries(catalogue: Catalog) -> list[Message]:
    """What is translated; the header is no text."""
    return [message for message in catalogue if message.id and all(texts(message)) and not message.fuzzy]


def texts(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_catalogue__every_text__has_a_translation(found: set[str | tuple[str, str]], catalogue: Catalog) -> None:
    known = {message.id for message in entries(catalogue)}
    assert sorted(map(str, found - known)) == [], "see platform/eastwind/web/babel.cfg for how to take them in"


def test_catalogue__texts_of_the_past__are_gone(found: set[str | tuple[str, str]], catalogue: Catalog) -> None:
    assert sorted(str(m.id) for m in entries(catalogue) if m.id not in found) == []


def test_catalogue__placeholders__are_the_same(catalogue: Catalog) -> None:
    for message in entries(catalogue):
        english = message.id if isinstance(message.id, str) else message.id[-1]
        for text in texts(message):
            for pattern in (_BRACES, _NAMED):
                assert set(pattern.findall(text)) == set(pattern.findall(english)), english


def test_catalogue__text__is_chinese(catalogue: Catalog) -> None:
    for message in entries(catalogue):
        english = message.id if isinstance(message.id, str) else message.id[-1]
        words = re.search(r"[A-Za-z]{3,}", _NAMED.sub("", _BRACES.sub("", english)))
        assert not words or all(_CHINESE.search(text) for text in texts(message)), english


def test_catalogue__tools__find_nothing_wrong(catalogue: Catalog) -> None:
    """A percent sign before a letter (`5 % of`) reads as a placeholder to them: put the sign into the parameter."""
    wrong = {str(message.id): [str(e) for e in errors] for message, errors in catalogue.check()}
    assert wrong == {}
