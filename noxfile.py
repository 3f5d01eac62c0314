"""What is checked, one session a concern; each runs in the environment that calls nox (`make` prepares it)."""

import os

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "tests"]
SLS = ["states", "pillar", "salt"]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: Python by ruff, states by salt-lint, YAML by yamllint."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("yamllint", "--strict", *SLS)
    session.run("sh", "-c", "find states -name '*.sls' -print0 | xargs -0 salt-lint")


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy --strict over cli/."""
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, or what the arguments after -- say.

    Those on nodes of a lab run one after another, and often wait; there are two labs, and the fast tests run beside.
    """
    # Commands are started by the thousand: without byte code each would compile mip-salt anew.
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    side_by_side = ["--durations", "25", "--numprocesses", str((os.cpu_count() or 1) + 2), "--dist", "loadgroup"]
    every = ["tests/integration", "tests/unit", "tests/hostile", "tests/functional"]
    session.run("pytest", *(session.posargs or [*side_by_side, *every]), env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages of docs/ as HTML, and the manual page, into build/docs; a warning is an error."""
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "build/docs")
    with open("build/docs/mip-salt.1", "w") as page:  # noqa: PTH123 - nox wants an open file
        session.run("mip-salt", "man", stdout=page)
