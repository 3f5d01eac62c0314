"""`-j N`: how many nodes a command works on at once; the federation's own setting stays."""

import click
import pytest
from click.testing import CliRunner
from mip_salt.commands.context import Request, jobs_option, pass_request
from mip_salt.main import cli


@click.command()
@jobs_option
@pass_request
def work(request):
    click.echo(f"{request.jobs} at once")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 0, "None at once"),
        (["-j", "3"], 0, "3 at once"),
        (["--jobs", "200"], 0, "200 at once"),
        (["-j", "0"], 2, "0 is not in the range 1<=x<=200"),
        (["-j", "201"], 2, "201 is not in the range"),
        (["-j", "many"], 2, "'many' is not a valid integer"),
    ],
)
def test_it_is_a_number_of_nodes_within_what_the_setting_allows(words, code, said):
    done = CliRunner().invoke(work, words, obj=Request())
    assert (done.exit_code, said in done.output) == (code, True)


@pytest.mark.parametrize(
    "words",
    ["apply", "plan", "status", *(f"service {verb}" for verb in ("deploy", "start", "stop", "restart", "status"))],
)
def test_whatever_asks_all_nodes_takes_it(words):
    assert "-j, --jobs N" in CliRunner().invoke(cli, [*words.split(), "--help"], obj=Request()).output
