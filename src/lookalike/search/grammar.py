"""The grammar of conditions, and a parser made of it. It takes 0.1 s to import, which only conditions need."""

from __future__ import annotations

from functools import cache
from typing import Final, cast

from lark import Lark, Token, Transformer, UnexpectedInput
from lark.visitors import v_args

from lookalike.errors import QueryError
from lookalike.search.conditions import AllOf, AnyOf, Comparison, Condition, Negation, Operator, comparisons, pointed_at

_MOST_CHARACTERS: Final = 10_000
_MOST_COMPARISONS: Final = 200
_DEEPEST: Final = 16
"""SQLite's parser has a stack of 100 symbols."""

_GRAMMAR: Final = r"""
?start: anyof
?anyof: allof (_OR allof)*
?allof: one (_AND one)*
?one: _NOT one -> negation
    | column OPERATOR value -> comparison
    | column _IN "(" value ("," value)* ")" -> membership
    | "(" anyof ")"
column: NAME | BRACKETED
value: WORD | QUOTED

OPERATOR: ">=" | "<=" | "==" | "!=" | "!~" | "=" | "<" | ">" | "~"
NAME: /[^\W\d][\w.:-]*/
BRACKETED: /\[[^\]]+\]/
WORD: /[^\s()\[\],<>=!~"']+/
QUOTED: /"[^"]*"|'[^']*'/
_OR.2: /or\b/i
_AND.2: /and\b/i
_NOT.2: /not\b/i
_IN.2: /in\b/i
%ignore /\s+/
"""

_EXPECTED: Final = {
    "NAME": "a column",
    "OPERATOR": "=, !=, <, <=, >, >=, ~ or in",
    "WORD": "a value",
    "COMMA": "a comma or a closing parenthesis",
    "RPAR": "and, or, or a closing parenthesis",
    "_AND": "and, or, or the end",
    "LPAR": "a list of values in parentheses",
    "$END": "the end",
}
"""What to say is expected, by the first of these terminals that the parser would accept."""


@cache
def parse_condition(text: str) -> Condition:
    """The condition that ``text`` states; raises :class:`~lookalike.errors.QueryError`, which points at the mistake."""
    if len(text) > _MOST_CHARACTERS:
        raise QueryError(f"the condition has {len(text):,} characters, more than {_MOST_CHARACTERS:,}")
    try:
        condition = cast("Condition", _PARSER.parse(text))
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from error
    if len(comparisons(condition)) > _MOST_COMPARISONS:
        raise QueryError(f"the condition has more than {_MOST_COMPARISONS} comparisons")
    if _depth(condition) > _DEEPEST:
        raise QueryError(f"and, or and not are nested more than {_DEEPEST} deep")
    return condition


@v_args(inline=True)
class _Meaning(Transformer[Token, Condition]):
    """Makes conditions of what the parser finds, each method for the rule of its name."""

    def anyof(self, *parts: Condition) -> Condition:
        return AnyOf(parts)

    def allof(self, *parts: Condition) -> Condition:
        return AllOf(parts)

    def negation(self, part: Condition) -> Condition:
        return part.part if isinstance(part, Negation) else Negation(part)

    def comparison(self, column: Token, operator: Token, value: str) -> Condition:
        plain = cast("Operator", operator.removeprefix("!").replace("==", "="))
        comparison = Comparison(_name(column), plain, value, column.start_pos or 0)
        return Negation(comparison) if operator.startswith("!") else comparison

    def membership(self, column: Token, *values: str) -> Condition:
        return AnyOf(tuple(Comparison(_name(column), "=", value, column.start_pos or 0) for value in values))

    def column(self, token: Token) -> Token:
        return token

    def value(self, token: Token) -> str:
        return str(token)[1:-1] if token.type == "QUOTED" else str(token)


def _depth(condition: Condition) -> int:
    if isinstance(condition, Comparison):
        return 0
    parts = (condition.part,) if isinstance(condition, Negation) else condition.parts
    return 1 + max(map(_depth, parts))


def _name(column: Token) -> str:
    return column[1:-1].strip() if column.type == "BRACKETED" else str(column)


def _syntax_error(text: str, error: UnexpectedInput) -> QueryError:
    token = getattr(error, "token", None)
    start = len(text) if token is not None and token.type == "$END" else error.pos_in_stream or 0
    accepted = getattr(error, "allowed", None) or getattr(error, "accepts", None) or ()
    expected = next((words for name, words in _EXPECTED.items() if name in accepted), "something else")
    place = f"at character {start + 1}" if start < len(text.rstrip()) else "at the end"
    return QueryError(f"{place}, {expected} is expected\n{pointed_at(text, start)}")


_PARSER: Final = Lark(_GRAMMAR, parser="lalr", transformer=_Meaning())
