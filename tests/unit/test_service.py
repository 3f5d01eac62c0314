"""What a service command comes to: which nodes work, in which order, and what is refused before any is asked."""

import pytest
from mip_salt.errors import UsageError
from mip_salt.federation.document import parse
from mip_salt.federation.folder import Folder
from mip_salt.workflows.service import Wish, phases_of, plan

NODES = {
    "ms": "role: master, address: a, hostname: brain-ms",
    "ui": "role: ui, address: b, hostname: brain-ui",
    "wk1": "role: worker, address: c, hostname: brain-wk1",
    "wk2": "role: worker, address: d, hostname: brain-wk2",
}
VERBS = ("deploy", "start", "stop", "restart")


def planned(tmp_path, verb, *nodes, settings="", disabled=(), without=(), **more):
    rows = {name: f"{{{row}, enabled: {str(name not in disabled).lower()}}}" for name, row in NODES.items()}
    text = ", ".join(f"{name}: {row}" for name, row in rows.items() if name not in without)
    federation = parse(f"mip: {{federation: brain, settings: {{{settings}}}, nodes: {{{text}}}}}", "brain")
    return plan(Folder(tmp_path / "brain"), federation, Wish(verb, nodes, **more))


def told(found):
    return [(phase.sls, phase.nodes) for phase in phases_of(found)]


@pytest.mark.parametrize(
    ("verb", "order"),
    [
        ("start", [("mip.stacks", ("ms",)), ("mip.ui", ("ui",))]),
        ("stop", [("mip.ui.stopped", ("ui",)), ("mip.stacks.stopped", ("ms",))]),
        ("restart", [("mip.stacks.restarted", ("ms",)), ("mip.ui.restarted", ("ui",))]),
    ],
)
def test_the_master_comes_before_the_ui_and_a_stop_goes_the_other_way(tmp_path, verb, order):
    found = planned(tmp_path, verb)
    assert told(found) == order
    assert found.pillar == {"service": {"exareme": True, "portainer": ""}}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_about_a_worker_is_the_masters_work_on_that_ones_stack_alone(tmp_path, verb):
    found = planned(tmp_path, verb, "wk1")
    assert (found.stacks, found.ui, found.pillar["service"]["nodes"]) == (("wk1",), "", ["wk1"])


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_about_the_ui_needs_no_master(tmp_path, verb):
    found = planned(tmp_path, verb, "ui", disabled=["ms"])
    assert (found.stacks, found.ui, found.on_master) == ((), "ui", False)


def test_the_phases_name_the_nodes(tmp_path):
    assert [phase.told for phase in phases_of(planned(tmp_path, "restart", "wk1", "wk2"))] == [
        "restarts exareme of wk1, wk2"
    ]
    assert [phase.told for phase in phases_of(planned(tmp_path, "stop", "ui"))] == ["stops the web front end"]


@pytest.mark.parametrize("verb", ["deploy", "start", "restart"])
def test_a_disabled_node_is_left_out(tmp_path, verb):
    found = planned(tmp_path, verb, disabled=["wk2"])
    assert (found.stacks, found.skipped) == (("ms", "wk1"), ("wk2",))
    with pytest.raises(UsageError, match="all nodes chosen are disabled") as refused:
        planned(tmp_path, verb, "wk2", disabled=["wk2"])
    assert refused.value.hint == "Let them in again: mip-salt -f brain node enable wk2"


def test_the_stack_of_a_disabled_worker_may_be_stopped(tmp_path):
    assert planned(tmp_path, "stop", "wk2", disabled=["wk2"]).stacks == ("wk2",)


# --- Portainer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_without_exareme_alone_selects_no_service(tmp_path, verb):
    with pytest.raises(UsageError, match="no service selected"):
        planned(tmp_path, verb, exareme=False)


@pytest.mark.parametrize(
    ("verb", "sls"),
    [("start", "mip.portainer"), ("stop", "mip.portainer.stopped"), ("restart", "mip.portainer.restarted")],
)
def test_portainer_alone_is_the_masters_work(tmp_path, verb, sls):
    found = planned(tmp_path, verb, exareme=False, portainer="plain")
    assert told(found) == [(sls, ("ms",))]
    assert found.pillar == {"service": {"exareme": False, "portainer": "plain"}}


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_portainer_is_left_alone_unless_asked_for(tmp_path, verb):
    settings = "portainer: {enabled: true}"
    assert planned(tmp_path, verb, settings=settings).wish.portainer == ""


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ("", ""),
        ("portainer: {enabled: true}", "plain"),
        ("portainer: {enabled: true, domain: mip.hospital.example}", "secure"),
    ],
)
@pytest.mark.parametrize("verb", ["deploy", "start"])
def test_the_settings_say_whether_it_is_started_with_all_else(tmp_path, verb, settings, kind):
    assert planned(tmp_path, verb, settings=settings).wish.portainer == kind
    assert planned(tmp_path, verb, "wk1", settings=settings).wish.portainer == ""


def test_a_secure_one_without_a_domain_is_refused_and_told_where_to_write_it(tmp_path):
    with pytest.raises(UsageError, match="needs a domain") as refused:
        planned(tmp_path, "start", portainer="secure")
    assert "portainer: {domain: mip.hospital.example}" in refused.value.hint


def test_portainer_on_a_worker_is_refused(tmp_path):
    with pytest.raises(UsageError, match="Portainer runs on the master"):
        planned(tmp_path, "start", "wk1", exareme=False, portainer="plain")


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("disabled", "without", "hint"), [(["ms"], [], "node enable ms"), ([], ["ms"], "configure")])
@pytest.mark.parametrize("verb", VERBS)
def test_without_a_master_only_the_ui_can_be_chosen(tmp_path, verb, disabled, without, hint):
    with pytest.raises(UsageError, match="is the master's work, and ms is") as refused:
        planned(tmp_path, verb, "wk1", disabled=disabled, without=without)
    assert hint in refused.value.hint
    assert "--node ui" in refused.value.hint


def test_the_master_alone_is_not_stopped_while_workers_look_for_it(tmp_path):
    with pytest.raises(UsageError, match="without their master wk1, wk2 would start again and again") as refused:
        planned(tmp_path, "stop", "ms")
    assert "service restart --node ms" in refused.value.hint
    assert planned(tmp_path, "stop", "ms", "wk1", "wk2").stacks == ("ms", "wk1", "wk2")
    assert planned(tmp_path, "stop", "ms", "wk1", disabled=["wk2"]).stacks == ("ms", "wk1")
    assert planned(tmp_path, "restart", "ms").stacks == ("ms",)


def test_a_node_whose_hostname_was_never_confirmed_has_no_stack_to_work_on(tmp_path):
    text = "{ms: {role: master, address: a, hostname: brain-ms}, wk1: {role: worker, address: b}}"
    federation = parse(f"mip: {{federation: brain, nodes: {text}}}", "brain")
    with pytest.raises(UsageError, match="hostname of wk1 was never confirmed"):
        plan(Folder(tmp_path / "brain"), federation, Wish("start", ("wk1",)))
    assert plan(Folder(tmp_path / "brain"), federation, Wish("start")).stacks == ("ms", "wk1")
