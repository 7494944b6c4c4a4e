"""
Cluster files: where a sweep runs, as data.

A TOML file whose `kind` is one of:

``local``
    Workers on this machine: `workers` (by default one per processor), `memory` of each (``"2 GB"``).
``address``
    A scheduler that runs already: its `address` (``"tcp://10.0.0.5:8786"``) and whether results come to this
    process straight from the workers (`direct`, true) or through the scheduler.
``slurm``
    SLURM jobs: number of `workers`, `memory` of each, workers `per_job` (1), `walltime` (``"01:00:00"``),
    `queue`, `account`, `options` of sbatch (``["--constraint=skylake"]``), `log_folder`, and the `python` of
    the nodes (by default the one that runs now).
``kubernetes``
    Pods, through Dask's operator, which must be installed in the cluster: number of `workers`, `image` (with
    this version of dhmodel), `namespace`, `name`, `memory` and `cpus` of each.

The scheduler of ``local`` and ``slurm`` listens on loopback alone unless `interface` (``"ib0"``) or `host`
names another address of this machine, which SLURM on several nodes needs. Whoever can reach a scheduler can
run programs as its user, so give a table ``[tls]`` with the PEM files `ca`, `cert` and `key`: then scheduler,
workers and this process talk to holders of a certificate of that authority and to nobody else. The files lie
in the folder of the cluster file or below it, and on SLURM in a folder that the nodes see. They are made, for
instance, with::

    openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj /CN=sweep-ca -keyout ca.key -out ca.pem
    openssl req -newkey rsa:3072 -nodes -subj /CN=sweep -keyout key.pem -out request.pem
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -out cert.pem

An existing scheduler is then reached at ``tls://...``. Kubernetes takes no ``[tls]``: its operator makes the
scheduler, and the cluster's network policy guards it.

A run that needs more than the `memory` of its worker fails, unless a memory limit of the sweep says
otherwise.

Nothing in the file is a program. What becomes part of a SLURM job script may hold letters, digits and
``_ - + . , : / = @ %`` alone, and there is no key for lines of shell: what the jobs need (modules, variables)
is loaded in the shell that starts the sweep, whose environment SLURM hands to them.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.sweep.limits import read_memory
from dhmodel.texts import read_toml

__all__ = ["Address", "Cluster", "Kubernetes", "Local", "Slurm", "Tls", "read_cluster"]

PLAIN = re.compile(r"[A-Za-z0-9_+.,:/=@%-]+")


def _plain(text: str) -> str:
    if not PLAIN.fullmatch(text):
        raise ValueError("only letters, digits and _ - + . , : / = @ % are allowed")
    return text


def _option(text: str) -> str:
    if not text.startswith("--"):
        raise ValueError('needs to be a long option of sbatch, such as "--constraint=skylake"')
    return _plain(text)


def _memory(text: str) -> str:
    try:
        read_memory(text)
    except InputError as error:
        raise ValueError(str(error).partition("needs ")[2]) from None
    return text


Plain = Annotated[str, AfterValidator(_plain)]
Option = Annotated[str, AfterValidator(_option)]
Memory = Annotated[str, AfterValidator(_memory)]
Number = Annotated[int, Field(ge=1)]
Place = Annotated[str, Field(pattern=r"^(tcp|tls)://[A-Za-z0-9_.:\[\]-]+:[0-9]+$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Tls(_Table):
    """Certificate authority, certificate and key: PEM files."""

    ca: str
    cert: str
    key: str


class _Listening(_Table):
    """Whose scheduler this process starts, and where that listens."""

    interface: Plain | None = None
    host: Plain | None = None
    tls: Tls | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "_Listening":
        if self.interface and self.host:
            raise ValueError("interface and host: give one of the two")
        return self

    def listens(self) -> dict[str, str]:
        """Where the scheduler listens, as an argument of Dask's."""
        return {"interface": self.interface} if self.interface else {"host": self.host or "127.0.0.1"}


class Local(_Listening):
    """Workers on this machine."""

    kind: Literal["local"]
    workers: Number | None = None
    memory: Memory | None = None


class Address(_Table):
    """A scheduler that runs already."""

    kind: Literal["address"]
    address: Place
    direct: bool = True
    tls: Tls | None = None

    @model_validator(mode="after")
    def _encrypted(self) -> "Address":
        if self.address.startswith("tls:") != (self.tls is not None):
            raise ValueError("a table [tls] goes with an address that begins with tls://, and the other way")
        return self


class Slurm(_Listening):
    """Jobs of SLURM."""

    kind: Literal["slurm"]
    workers: Number
    memory: Memory
    per_job: Number = 1
    walltime: Plain | None = None
    queue: Plain | None = None
    account: Plain | None = None
    options: list[Option] = []
    log_folder: Plain | None = None
    python: Plain | None = None


class Kubernetes(_Table):
    """Pods of Kubernetes."""

    kind: Literal["kubernetes"]
    workers: Number
    image: Plain
    name: Plain = "dhmodel"
    namespace: Plain | None = None
    memory: Memory | None = None
    cpus: Number = 1


type Cluster = Local | Address | Slurm | Kubernetes
KINDS: dict[str, type[Local] | type[Address] | type[Slurm] | type[Kubernetes]] = {
    "local": Local,
    "address": Address,
    "slurm": Slurm,
    "kubernetes": Kubernetes,
}


def read_cluster(path: str | Path) -> Cluster:
    """
    Read a cluster file.

    Parameters
    ----------
    path : path-like
        A TOML file; what it may hold stands at the top of this module.

    Raises
    ------
    InputError
        It cannot be read, is not TOML, has an unknown key or a value that is not allowed, or names a file
        that is not there or lies outside its folder.
    """
    file = Path(path)
    table = read_toml(file, str(file))
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise unknown("kind of cluster", kind, KINDS, str(file))
    model = KINDS[kind]
    for key in table:
        if key not in model.model_fields:
            raise unknown("key", key, model.model_fields, f"{file} (kind {kind})")
    try:
        found = model.model_validate(_with_paths(table, file))
    except ValidationError as error:
        raise InputError(f"{file}: {_first(error)}") from None
    return found


def _first(error: ValidationError) -> str:
    """Say the first of what is wrong, in a line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == "extra_forbidden":
        return f"unknown key {quoted(where)} in [tls]; allowed: {', '.join(Tls.model_fields)}"
    return f"{where}: got {quoted(first['input'])}: {told}" if where else told


def _with_paths(table: dict[str, Any], file: Path) -> dict[str, Any]:
    """Replace the names of the TLS files by their paths."""
    tls = table.get("tls")
    if not isinstance(tls, dict):
        return table
    folder = file.resolve().parent
    return table | {"tls": {key: _inside(folder, file, key, name) for key, name in tls.items()}}


def _inside(folder: Path, file: Path, key: str, name: Any) -> Any:
    if key not in Tls.model_fields or not isinstance(name, str):
        return name  # reported with the rest
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise InputError(f"{file}: tls.{key}: {quoted(name)} lies outside the folder of the file")
    if not path.is_file():
        raise InputError(f"{file}: tls.{key}: there is no file {quoted(name)} in {folder}")
    return str(path)
