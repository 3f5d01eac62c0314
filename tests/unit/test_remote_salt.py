"""What of Salt's inside the connection stands on: if a release changes one of these, this says which."""

import inspect

import pytest
import salt.client.ssh
import salt.client.ssh.state
import salt.client.ssh.wrapper
import salt.fileclient
import salt.loader
import salt.loader.lazy
import salt.pillar
import salt.state
import salt.template
import salt.utils.optsdict
import salt.utils.state
import salt.utils.thin
import salt.version

STANDS_ON = {
    salt.client.ssh.mod_data: ["fsclient"],
    salt.client.ssh.state.SSHHighState: ["opts", "pillar_override", "wrapper", "fsclient", "context", "initial_pillar"],
    salt.client.ssh.state.SSHHighState.push_active: ["self"],
    salt.client.ssh.state.lowstate_file_refs: ["chunks", "extras"],
    salt.client.ssh.state.prep_trans_tar: ["file_client", "chunks", "file_refs", "pillar", "id_", "roster_grains"],
    salt.client.ssh.wrapper.FunctionWrapper: ["opts", "id_", "host", "wfuncs", "mods", "fsclient", "aliases"],
    salt.client.ssh.wrapper.FunctionWrapper.__getitem__: ["self", "cmd"],
    salt.fileclient.FSClient: ["opts"],
    salt.loader.grains: ["opts"],
    salt.loader.minion_mods: ["opts", "context", "utils"],
    salt.loader.ssh_wrapper: ["opts", "functions", "context"],
    salt.loader.lazy.FilterDictWrapper: ["d", "suffix"],
    salt.loader.utils: ["opts"],
    salt.pillar.Pillar: ["opts", "grains", "minion_id", "saltenv"],
    salt.pillar.Pillar.compile_pillar: ["self"],
    salt.pillar.Pillar.top_matches: ["self", "top"],
    salt.state.BaseHighState.compile_low_chunks: ["self", "context"],
    salt.state.BaseHighState.render_highstate: ["self", "matches", "context"],
    salt.state.State: ["opts"],
    salt.state.State.apply_exclude: ["self", "high"],
    salt.state.State.call_chunks: ["self", "chunks"],
    salt.state.State.call_listen: ["self", "chunks", "running"],
    salt.state.State.compile_high_data: ["self", "high"],
    salt.state.State.order_chunks: ["self", "chunks"],
    salt.state.State.reconcile_extend: ["self", "high"],
    salt.state.State.requisite_in: ["self", "high"],
    salt.state.State.verify_high: ["self", "high"],
    salt.template.compile_template_str: ["template", "renderers", "default", "blacklist", "whitelist"],
    salt.utils.state.check_result: ["running"],
    salt.utils.state.get_sls_opts: ["opts"],
    salt.utils.thin.get_tops: [],
}


@pytest.mark.parametrize("what", STANDS_ON, ids=lambda what: f"{what.__module__}.{what.__qualname__}")
def test_it_takes_what_we_give_it(what):
    assert list(inspect.signature(what).parameters)[: len(STANDS_ON[what])] == STANDS_ON[what]


def test_every_state_is_run_through_call_which_the_runner_overrides():
    assert "self.call(low, chunks, running)" in inspect.getsource(salt.state.State.call_chunk)


def test_state_takes_the_pillar_that_was_sent():
    assert "initial_pillar" in inspect.signature(salt.state.State).parameters


def test_its_minor_version_is_the_pinned_one():
    assert salt.version.__version__.split(".")[0] == "3008"
