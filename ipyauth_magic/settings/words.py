"""The words of a magic's line, or of the command line, before argparse: what is wrong with them, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Problem
from ..text import plain
from .line import BadOption
from .nearest import nearest
from .options import Option
from .parameters import FIELDS, canonical_name, in_small, is_secret

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


@dataclass(frozen=True)
class Words:
    """What argparse can take of some words, and the problems of the others."""

    kept: tuple[str, ...]
    problems: tuple[Problem, ...]


def sorted_out(words: Sequence[str], options: Iterable[Option]) -> Words:
    """Return *words* without those that are neither one of *options* with its value, nor a word without a name.

    `domain = x`, `domain: x` and `domain:x` become `domain=x`.
    """
    return _Sorting(words, options).result()


def parsed_words(parser: ArgumentParser, words: Sequence[str], options: Iterable[Option]) -> Namespace:
    """Return what *parser*, which is made of *options*, takes of *words*; its `problems` are about the others.

    Raises:
        BadOption: a word cannot be used, and there are no parameters whose problems are told with it.
    """
    found = sorted_out(words, options)
    known, more = parser.parse_known_intermixed_args(list(found.kept))
    too_many = [Problem(plain(word, 60), "is one word too many. Leave it out") for word in more]
    known.problems = (*found.problems, *too_many)
    if known.problems and not hasattr(known, "parameters"):
        raise BadOption("\n".join(map(str, known.problems)))
    return known


class _Sorting:
    """One pass over the words; `_next` is the index of the one that follows."""

    def __init__(self, words: Sequence[str], options: Iterable[Option]) -> None:
        options = list(options)
        self._words = list(_with_equals_signs(words))
        self._metavars = {name: each.metavar for each in options if not each.nargs for name in each.names}
        self._takes_parameters = any(each.metavar == "KEY=VALUE" for each in options)
        self._next = 0
        self._kept: list[str] = []
        self._problems: list[Problem] = []

    def result(self) -> Words:
        while self._next < len(self._words):
            word = self._words[self._next]
            self._next += 1
            if not _is_option(word):
                self._kept.append(word)
            elif word.startswith("--"):
                self._take_long(word)
            else:
                self._take_short(word)
        return Words(tuple(self._kept), tuple(self._problems))

    def _take_long(self, word: str) -> None:
        name, equals, _ = word.partition("=")
        if name not in self._metavars:
            self._refuse(word)
        elif self._metavars[name] is None and equals:
            self._problem(name, f"takes no value. Write `{name}` alone")
        else:
            self._take(word, name, needs_value=self._metavars[name] is not None and not equals)

    def _take_short(self, word: str) -> None:
        """Take one letter, or several of which only the last one takes a value, which may follow at once."""
        for place, letter in enumerate(word[1:], start=1):
            name = f"-{letter}"
            if name not in self._metavars:
                self._refuse(word)
                return
            if self._metavars[name] is not None:
                self._take(word, name, needs_value=word[place + 1 :] == "")
                return
        self._kept.append(word)

    def _take(self, word: str, name: str, needs_value: bool) -> None:
        if not needs_value:
            self._kept.append(word)
        elif (value := self._value()) is None:
            meant = "dotenv_file" if self._metavars[name] == "FILE" else None
            self._problem(name, f"has no value. Write `{name} {self._metavars[name]}`", meant)
        else:
            self._kept += [word, value]

    def _value(self) -> str | None:
        """Return the next word and pass it, if it can be a value."""
        if self._next < len(self._words) and not _is_option(self._words[self._next]):
            self._next += 1
            return self._words[self._next - 1]
        return None

    def _refuse(self, word: str) -> None:
        """Note what was meant by *word*, which is not an option, and pass what was meant as its value."""
        name, equals, value = word.partition("=")
        bare = in_small(name.lstrip("-"))
        near = nearest(bare, [in_small(each[2:]) for each in self._metavars if each.startswith("--")])
        parameter = canonical_name(bare) if self._takes_parameters else None
        if not parameter and not near and self._takes_parameters:
            parameter = nearest(bare, FIELDS)
        option = f"--{near.replace('_', '-')}" if near and not parameter else None
        takes_value = self._metavars[option] is not None if option else not equals and self._next_is_bare()
        if not equals and takes_value:
            value = self._value() or ""
        shown = plain(name, 60)
        if is_secret(bare):
            self._problem(shown, "is not an option. A secret goes into a dotenv file, as `client_secret`")
        elif parameter:
            right = f"{parameter}={plain(value, 200) or '...'}"
            self._problem(shown, f"is not an option. Write `{_quoted(right)}`", parameter)
        elif option:
            self._problem(shown, f"There is no option `{shown}`. Did you mean `{option}`?", near)
        else:
            self._problem(shown, f"There is no option `{shown}`. `--help` lists the options")

    def _next_is_bare(self) -> bool:
        return self._next < len(self._words) and "=" not in self._words[self._next]

    def _problem(self, name: str, sentence: str, meant: str | None = None) -> None:
        self._problems.append(Problem(name, sentence, meant=meant))


def _is_option(word: str) -> bool:
    return word.startswith("-") and word.strip("-") != ""


def _quoted(assignment: str) -> str:
    """Return *assignment* as it can be written on a line."""
    name, _, value = assignment.partition("=")
    return f'{name}="{value}"' if " " in value else assignment


def _with_equals_signs(words: Sequence[str]) -> Iterator[str]:
    """Return *words* with `=` after the name of a parameter, where a colon, or blanks around the sign, say the same."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, colon, value = word.partition(":")
        if rest[:1] == ["="] and canonical_name(word) and len(rest) > 1:
            yield f"{word}={rest[1]}"
            del rest[:2]
        elif colon and canonical_name(name) and "=" not in name:
            yield f"{name}={value or (rest.pop(0) if rest else '')}"
        else:
            yield word
