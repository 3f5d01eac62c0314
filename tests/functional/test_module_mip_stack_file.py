"""Whether a compose file would restart a service that runs: told for what exareme's files say, refused for all else."""

import pytest

ENV = {"IMAGE": "hbpmip/exareme:24.5.1", "NODE": "brain-ms", "DATA": "/data/brain/"}
FILES = {"net": {"external": {"name": "mip-federation"}}}
NETWORKS = {"n1": "mip-federation"}
TOLD = {
    "image": "${IMAGE}",
    "environment": ["NODE_NAME=${NODE}", "LOG_LEVEL=INFO"],
    "volumes": ["${DATA}:/root/exareme/data/"],
    "ports": [{"target": 9090, "published": 9090, "protocol": "tcp", "mode": "host"}],
    "deploy": {"placement": {"constraints": ["node.role == manager", "node.labels.name == $NODE"]}},
    "depends_on": ["exareme-keystore"],
    "networks": ["net"],
}


def spec():
    """The service, as Docker 20.10 tells it once this was deployed."""
    return {
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "hbpmip/exareme:24.5.1@sha256:" + "a" * 64,
                "Env": ["LOG_LEVEL=INFO", "NODE_NAME=brain-ms"],
                "Mounts": [{"Type": "bind", "Source": "/data/brain/", "Target": "/root/exareme/data/"}],
            },
            "Placement": {"Constraints": ["node.role == manager", "node.labels.name==brain-ms"]},
            "Networks": [{"Target": "n1", "Aliases": ["exareme-master"]}],
        },
        "EndpointSpec": {
            "Ports": [{"Protocol": "tcp", "TargetPort": 9090, "PublishedPort": 9090, "PublishMode": "host"}]
        },
    }


@pytest.fixture
def why(node):
    def ask(told=TOLD, env=ENV, have=None):
        return node.loaders.modules["mip_stack_file.restarts"](have or spec(), told, env, NETWORKS, FILES)

    return ask


def test_what_runs_as_the_file_says_stays(why):
    assert why() == []


def test_an_image_without_a_tag_means_its_latest(why):
    have = spec()
    have["TaskTemplate"]["ContainerSpec"]["Image"] = "hbpmip/exareme:latest"
    assert why({**TOLD, "image": "hbpmip/exareme"}, have=have) == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "hbpmip/exareme:24.6.0"}, "other image"),
        ({"environment": ["NODE_NAME=${NODE}", "LOG_LEVEL=DEBUG"]}, "other LOG_LEVEL"),
        ({"environment": {"NODE_NAME": "$NODE"}}, "other LOG_LEVEL"),
        ({"volumes": []}, "other volumes"),
        ({"volumes": ["${DATA}:/root/exareme/data/:ro"]}, "other volumes"),
        ({"ports": []}, "other ports"),
        ({"deploy": {}}, "other placement"),
        ({"networks": []}, "other networks"),
    ],
)
def test_what_differs_is_named(why, change, reason):
    assert why({**TOLD, **change}) == [reason]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"command": "sleep"}, "what the file says of command is not compared"),
        ({"deploy": {**TOLD["deploy"], "replicas": 2}}, "what the file says of replicas is not compared"),
    ],
)
def test_what_can_not_be_compared_is_never_told_to_stay(why, change, told):
    assert why({**TOLD, **change}) == [told]


@pytest.mark.parametrize(
    "change",
    [{"image": "${IMAGE:-other}"}, {"ports": ["9090:9090"]}, {"volumes": ["data:/data"]}, {"networks": ["other"]}],
)
def test_a_way_of_writing_that_is_not_known_is_never_told_to_stay(why, change):
    assert why({**TOLD, **change}) == ["the file is written in a way that is not known here"]
