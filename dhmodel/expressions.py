"""Numbers as expressions: arithmetic, comparisons and registered functions, nothing else of Python.

An expression is parsed into Python's syntax tree, and each of its nodes becomes a function; it is never
executed as code. Names stand for what the caller says: numbers, or, in the ledger of findings, arrays with
named dimensions (`xarray.DataArray`), so that a value of each replicate, of each cell or of each run of a
family meets another of its kind.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Signature, signature
from typing import Any

import numpy as np

from dhmodel.errors import InputError, quoted, unknown

__all__ = ["Expression", "in_order", "parse", "without_types"]

type Functions = Mapping[str, Callable[..., Any]]
type Names = Mapping[str, Any]
type _Step = Callable[[Names, Functions], Any]
type Words = Mapping[str, Iterable[str]]

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
#: What functions and operators say of arguments that do not fit them.
_MISFITS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)

#: Of an expression, in characters.
_LONGEST = 2000

_ALLOWED = "numbers, names, + - * / **, < <= > >=, and, or, not, and functions"


@dataclass(frozen=True)
class Expression:
    """
    A parsed expression.

    Attributes
    ----------
    text : str
    where : str
        What it is for; begins every error message.
    tree : ast.expr
    """

    text: str
    where: str
    tree: ast.expr

    def names(self) -> frozenset[str]:
        """Names that are not those of functions."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        return frozenset(
            node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name) and id(node) not in called
        )

    def calls(self) -> frozenset[str]:
        """Names of the functions that it calls."""
        called = (node.func for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return frozenset(function.id for function in called if isinstance(function, ast.Name))

    def arguments(self, functions: Functions) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """
        Every function that it calls, with the arguments by their names, as nodes of the tree.

        Raises
        ------
        InputError
            An unknown function, or a wrong number of arguments.
        """
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                assert isinstance(node.func, ast.Name)  # `parse` allows nothing else
                yield node.func.id, self._bound(node, node.func.id, functions)

    def check(self, names: Iterable[str], functions: Functions, words: Words, kind: str = "name") -> None:
        """
        Complain of what evaluation would stumble over, before anything is run.

        Parameters
        ----------
        names : iterable of str
            The names that there will be.
        functions : mapping of {str : callable}
        words : mapping of {str : iterable of str}
            What an argument of that name may be, if it is text.
        kind : str
            What messages call a name.

        Raises
        ------
        InputError
            An unknown name, function or word, or a wrong number of arguments.
        """
        for name in sorted(self.names()):
            if name not in names:
                raise unknown(kind, name, names, self.where)
        for function, arguments in self.arguments(functions):
            for parameter, given in arguments.items():
                text = isinstance(given, ast.Constant) and parameter in words
                if text and given.value not in words[parameter]:
                    raise unknown(parameter, given.value, words[parameter], f"{self.where}: {function}")

    def evaluate(self, names: Names, functions: Functions) -> Any:
        """
        Compute the expression.

        Raises
        ------
        InputError
            What it combines does not fit together.
        """
        try:
            with np.errstate(divide="ignore", invalid="ignore"):
                return _program(self.tree)(names, functions)
        except InputError as error:
            raise InputError(f"{self.where}: {error}") from None
        except ZeroDivisionError:
            return np.nan
        except _MISFITS as error:
            raise InputError(f"{self.where}: {quoted(self.text)}: {error}") from None

    def _bound(self, node: ast.Call, name: str, functions: Functions) -> Mapping[str, Any]:
        if name not in functions:
            raise unknown("function", name, functions, self.where)
        wanted = signature(functions[name])
        try:
            return wanted.bind(*node.args, **{str(one.arg): one.value for one in node.keywords}).arguments
        except TypeError as error:
            raise InputError(f"{self.where}: {name}{without_types(wanted)}: {error}") from None


def parse(text: str, where: str) -> Expression:
    """
    Read an expression.

    Parameters
    ----------
    text : str
    where : str
        What it is for, such as ``"my_finding: numbers.ratio"``.

    Raises
    ------
    InputError
        Not an expression, or one with more than is allowed.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # the latter two of too many brackets
        raise InputError(f"{where}: {quoted(text)} is not an expression") from None
    for node in ast.walk(tree):
        if not _allowed(node):
            raise InputError(f"{where}: {quoted(ast.unparse(node))} is not allowed; allowed: {_ALLOWED}")
    return Expression(text, where, tree)


def in_order(expressions: Mapping[str, Expression]) -> list[str]:
    """
    Names of expressions, each after those that it uses.

    Raises
    ------
    InputError
        Some use each other in a circle.
    """
    order: list[str] = []
    left = dict(expressions)
    while left:
        ready = [name for name, one in left.items() if not one.names() & left.keys()]
        if not ready:
            name, passed = next(iter(left)), set[str]()
            while name not in passed:  # what waits for a circle need not lie in it
                passed.add(name)
                name = min(left[name].names() & left.keys())
            raise InputError(f"{left[name].where}: {quoted(left[name].text)} depends on itself")
        order += ready
        for name in ready:
            del left[name]
    return order


def _allowed(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float, str)
        case ast.Call(func=function, keywords=words):
            return isinstance(function, ast.Name) and all(word.arg for word in words)
        case ast.BinOp(op=op):
            return type(op) in _BINARY
        case ast.Compare(ops=ops):
            return all(type(op) in _COMPARE for op in ops)
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.USub | ast.UAdd | ast.Not)
        case ast.Subscript(slice=index):
            return isinstance(index, ast.Constant | ast.UnaryOp)
        case ast.Name() | ast.List() | ast.BoolOp() | ast.keyword():
            return True
        case ast.operator() | ast.cmpop() | ast.unaryop() | ast.boolop() | ast.expr_context():
            return True  # judged with the node that holds it
    return False


def without_types(wanted: Signature) -> str:
    """Parameters of a function as a user would call it: ``(run, population, number=3)``."""
    plain = [one.replace(annotation=one.empty) for one in wanted.parameters.values()]
    return str(wanted.replace(parameters=plain, return_annotation=Signature.empty))


@lru_cache(maxsize=4096)
def _program(tree: ast.expr) -> _Step:
    """Turn a tree into a function, once: targets of slow states are found thousands of times."""
    return _steps(tree)


def _steps(node: ast.expr) -> _Step:
    """Turn a node that `_allowed` lets through into a function."""
    match node:
        case ast.Constant(value=value):
            return lambda names, functions: value
        case ast.Name(id=name):
            return lambda names, functions: names[name]
        case ast.List(elts=elements):
            parts = [_steps(one) for one in elements]
            return lambda names, functions: [part(names, functions) for part in parts]
        case ast.Subscript(value=whole, slice=index):
            of, at = _steps(whole), _steps(index)
            return lambda names, functions: of(names, functions)[at(names, functions)]
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(_BINARY[type(op)], _steps(left), _steps(right))
        case ast.UnaryOp(op=op, operand=operand):
            return _unary(op, _steps(operand))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare([_COMPARE[type(op)] for op in ops], [_steps(one) for one in (left, *others)])
        case ast.BoolOp(op=op, values=values):
            return _logical(isinstance(op, ast.And), [_steps(one) for one in values])
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _call(name, [_steps(one) for one in args], {str(k.arg): _steps(k.value) for k in keywords})
    raise AssertionError(node)  # `parse` allows nothing else


def _binary(do: Callable[[Any, Any], Any], left: _Step, right: _Step) -> _Step:
    def step(names: Names, functions: Functions) -> Any:
        one, other = left(names, functions), right(names, functions)
        # powers of floats end at infinity, those of whole numbers fill the memory
        if isinstance(one, int):
            one = float(one)
        return do(one, float(other) if isinstance(other, int) else other)

    return step


def _unary(op: ast.unaryop, operand: _Step) -> _Step:
    match op:
        case ast.USub():
            return lambda names, functions: -operand(names, functions)
        case ast.Not():
            return lambda names, functions: operand(names, functions) == 0
    return operand


def _compare(pairs: Sequence[Callable[[Any, Any], Any]], sides: Sequence[_Step]) -> _Step:
    def step(names: Names, functions: Functions) -> Any:
        values = [side(names, functions) for side in sides]
        return _all([do(*both) for do, *both in zip(pairs, values, values[1:], strict=False)])

    return step


def _logical(conjunction: bool, parts: Sequence[_Step]) -> _Step:
    def step(names: Names, functions: Functions) -> Any:
        true = [part(names, functions) != 0 for part in parts]
        return _all(true) if conjunction else _all([part == 0 for part in true]) == 0

    return step


def _call(name: str, args: Sequence[_Step], words: Mapping[str, _Step]) -> _Step:
    def step(names: Names, functions: Functions) -> Any:
        given = {word: part(names, functions) for word, part in words.items()}
        return functions[name](*[part(names, functions) for part in args], **given)

    return step


def _all(parts: list[Any]) -> Any:
    result = parts[0] * 1.0
    for part in parts[1:]:
        result = result * part
    return result
