"""The names that the policy puts into code, and the methods a class of a cell may define.

The guards' names cannot be spelt in Python, so no code can replace what stands behind them.
"""

GETATTR, TYPENAME, CLASSNAME = "<getattr>", "<typename>", "<classname>"
WRITE_ATTR, WRITE_ITEM, AUG_ATTR, AUG_ITEM = "<wattr>", "<witem>", "<augattr>", "<augitem>"
TEXT, REPR, STR, MOD = "<text>", "<repr>", "<str>", "<mod>"
ASCII, FORMAT = "<ascii>", "<format>"
SUPER_INIT, EXCEPTION, METACLASS, FIELDS = "<superinit>", "<exception>", "<metaclass>", "<fields>"

MAGIC = frozenset(
    f"__{name}__"
    for name in (
        *("init", "post_init", "repr", "str", "len", "iter", "next", "call", "bool", "hash"),
        *("getitem", "setitem", "delitem", "contains", "eq", "ne", "lt", "le", "gt", "ge"),
        *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "floordiv", "mod", "neg"),
        *("pos", "abs", "or", "and", "xor", "invert", "int", "float"),
    )
)
"""Methods a class may define: those the interpreter calls with plain values.

Not among them: ``__enter__``/``__exit__`` (get the traceback, and may swallow the deadline),
``__getattr__`` and kin, ``__del__``, ``__index__``, ``__class_getitem__``, ``__init_subclass__``.
"""

METHODS = frozenset(
    {
        *("strip", "lstrip", "rstrip", "startswith", "endswith", "split", "rsplit", "splitlines"),
        *("lower", "upper", "replace", "find", "rfind", "count", "join", "partition"),
        *("append", "extend", "insert", "pop", "sort", "index", "add", "discard", "remove"),
        *("get", "items", "keys", "values", "setdefault", "update", "union"),
        *("isdigit", "isalpha", "isalnum", "isspace", "isidentifier", "isupper", "islower"),
        *("group", "groups", "start", "end", "span"),
    }
)
"""Methods that loops call by the million: with up to two plain arguments, they go a shorter way."""
MOST_ARGUMENTS = 2


def method_name(name: str, arguments: int) -> str:
    """Return the name of the guard that calls a method with so many arguments."""
    return f"<{name}/{arguments}>"
