"""What is checked, one session a concern; each runs in the environment that calls nox (`make` prepares it)."""

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
    """Run every test: fast ones first and side by side, then those on the lab's nodes; arguments after -- instead."""
    # Commands are started by the thousand: without byte code each would compile mip-salt anew.
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    fast = ["--numprocesses", "auto", "tests/unit", "tests/hostile", "tests/functional"]
    for arguments in [session.posargs] if session.posargs else [fast, ["tests/integration"]]:
        session.run("pytest", *arguments, env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages of docs/ as HTML, and the manual page, into build/docs; a warning is an error."""
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "html", "docs", "build/docs")
    with open("build/docs/mip-salt.1", "w") as page:  # noqa: PTH123 - nox wants an open file
        session.run("mip-salt", "man", stdout=page)
