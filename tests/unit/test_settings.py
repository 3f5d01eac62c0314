"""The federation's settings: what is refused, where it stands, and what was probably meant."""

import pytest
from mip_salt.errors import Damaged, UsageError
from mip_salt.federation.document import parse
from mip_salt.federation.nodes_file import parse_nodes_file
from mip_salt.federation.settings import Settings

NODES = "nodes: {ms: {role: master, address: 10.0.0.1}, wk1: {role: worker, address: 10.0.0.2, bastion: ms}}"


def settings(text):
    return parse(f"mip: {{federation: brain, {NODES}, settings: {{{text}}}}}", "brain").settings


def refused(document):
    with pytest.raises(Damaged) as caught:
        parse(f"mip: {{federation: brain, {document}}}", "brain")
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_what_is_not_set_is_the_default():
    assert settings("docker: {source: docker-ce}") == Settings(docker={"source": "docker-ce"})
    assert settings("") == Settings()


@pytest.mark.parametrize(
    ("written", "path", "meant"),
    [
        ("settings: {jbos: 1}", "mip.settings.jbos", "did you mean jobs?"),
        ("settings: {time-sync: true}", "mip.settings.time-sync", "did you mean time_sync?"),
        ("settings: {Hosts: true}", "mip.settings.Hosts", "did you mean hosts?"),
        ("settings: {data: {usr: a}}", "mip.settings.data.usr", "did you mean user?"),
        ("settings: {docker: {deamon: {}}}", "mip.settings.docker.deamon", "did you mean daemon?"),
        ("settings: {daemon: {}}", "mip.settings.daemon", "it belongs under mip.settings.docker"),
        ("deadline: 3", "mip.deadline", "it belongs under mip.settings"),
        ("settings: {machine_id: a}", "mip.settings.machine_id", "it belongs under mip.nodes.<id>"),
        ("nodes: {ms: {role: master, address: a, jobs: 2}}", "mip.nodes.ms.jobs", "it belongs under mip.settings"),
        ("nodes: {ms: {role: master, adress: a}}", "mip.nodes.ms.adress", "did you mean address?"),
        ("settings: {docker: {zzz: 1}}", "mip.settings.docker.zzz", "here: source, mirror, key, daemon"),
        ("settings: {docker: {miror: a}}", "mip.settings.docker.miror", "did you mean mirror?"),
        ("sittings: {}", "mip.sittings", "did you mean settings?"),
    ],
)
def test_a_name_that_is_no_setting_is_answered_with_the_one_that_is_meant(written, path, meant):
    assert f"{path}: is not a setting here ({meant})" in refused(written)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        (
            "settings: {docker: {source: docker_ce}}",
            "mip.settings.docker.source: must be distribution or docker-ce (did you mean docker-ce?)",
        ),
        (
            "nodes: {ms: {role: mastr, address: a}}",
            "mip.nodes.ms.role: must be master, ui or worker (did you mean master?)",
        ),
        ("nodes: {ms: {role: 7, address: a}}", "mip.nodes.ms.role: must be master, ui or worker"),
    ],
)
def test_one_of_a_few_words_is_answered_with_them(written, answer):
    assert answer in refused(written)


def test_a_bastion_that_is_no_node_is_answered_with_the_closest():
    nodes = "nodes: {wk1: {role: worker, address: a}, wk2: {role: worker, address: b, bastion: wk}}"
    assert any("'wk' is not another node here (did you mean wk1?)" in line for line in refused(nodes))


@pytest.mark.parametrize("path", ["/data", "/srv/mip/data", "/var/lib/mip", "/library", "/data-1"])
def test_data_may_lie_where_people_keep_them(path):
    assert settings(f"data: {{path: {path}}}").data.path == path


@pytest.mark.parametrize(
    "path",
    ["/", "data", "/data/", "/data/../etc", "/etc", "/etc/mip", "/usr", "/var", "/lib64/x", "/a b", "//a", "/-r"],
)
def test_data_may_not_lie_where_the_system_is(path):
    assert any(
        line.startswith("mip.settings.data.path: ") for line in refused(f'settings: {{data: {{path: "{path}"}}}}')
    )


@pytest.mark.parametrize(
    ("daemon", "reason"),
    [
        ("{hosts: []}", "hosts is set by docker.service already"),
        ("{log-opts: {max-file: 3}}", 'log-opts.max-file must be text: write it in quotes, "3"'),
        ("{log_driver: local}", "'log_driver' is not a key of dockerd"),
        ("{1: 2}", "must be text"),
        ("[]", "valid dictionary"),
    ],
)
def test_what_would_keep_the_engine_from_starting_is_refused(daemon, reason):
    (line,) = refused(f"settings: {{docker: {{daemon: {daemon}}}}}")
    assert line.startswith("mip.settings.docker.daemon")
    assert reason in line


def test_other_keys_of_the_engine_are_taken_as_they_are():
    daemon = settings('docker: {daemon: {mtu: 1450, debug: null, log-opts: {max-size: "10m"}, dns: [10.0.0.2]}}').docker
    assert daemon.daemon == {"mtu": 1450, "debug": None, "log-opts": {"max-size": "10m"}, "dns": ["10.0.0.2"]}


@pytest.mark.parametrize(
    ("written", "mirror"),
    [
        ("https://mirror.hospital.example/docker/linux/", "https://mirror.hospital.example/docker/linux"),
        ("http://10.0.0.2:8081/repository/docker-ce", "http://10.0.0.2:8081/repository/docker-ce"),
        ("http://[fd00::2]:8081/docker", "http://[fd00::2]:8081/docker"),
        ("file:///srv/docker", "file:///srv/docker"),
    ],
)
def test_docker_ce_may_come_from_a_mirror(written, mirror):
    assert settings(f"docker: {{source: docker-ce, mirror: '{written}'}}").docker.mirror == mirror


@pytest.mark.parametrize(
    ("mirror", "reason"),
    [
        *(
            (url, "must be a URL of https, http or file")
            for url in ("mirror.example", "ftp://a/b", "https://", "file://")
        ),
        *((url, "must be a URL of https, http or file") for url in ("https://a/b c", "https://a/b]", "file:///", "-o")),
        ("https://me:secret@mirror.example/docker", "put name and password into /etc/apt/auth.conf.d on the nodes"),
    ],
)
def test_what_apt_would_read_otherwise_or_everyone_would_read_is_no_mirror(mirror, reason):
    (line,) = refused(f"settings: {{docker: {{source: docker-ce, mirror: '{mirror}'}}}}")
    assert line.startswith("mip.settings.docker.mirror: ")
    assert reason in line
    assert "secret" not in line


def test_the_key_of_a_mirror_is_a_whole_fingerprint_written_as_gpg_prints_it_or_without_spaces():
    printed = "4d64 FEC1 19C2 0290 67D6  E791 F8D2 585B 8783 D481"
    assert settings(f"docker: {{source: docker-ce, key: {printed}}}").docker.key == printed.replace(" ", "").upper()
    for short in ("8783D481", "F8D2585B8783D481", "4D64FEC119C2029067D6E791F8D2585B8783D48G", "''"):
        (line,) = refused(f"settings: {{docker: {{source: docker-ce, key: '{short.strip(chr(39))}'}}}}")
        assert line.startswith("mip.settings.docker.key: must be a key's whole fingerprint")


@pytest.mark.parametrize(
    "text", ["mirror: 'https://a.example/docker'", "key: 4D64FEC119C2029067D6E791F8D2585B8783D481"]
)
def test_a_mirror_that_nothing_would_come_from_is_a_mistake_and_told(text):
    (line,) = refused(f"settings: {{docker: {{{text}}}}}")
    assert line.startswith("mip.settings.docker: mirror and key are docker-ce's: set source: docker-ce too")


@pytest.mark.parametrize("domain", ["mip.hospital.example", "xn--bcher-kva.example"])
def test_portainer_has_the_certificate_of_a_domain(domain):
    assert settings(f"portainer: {{enabled: true, domain: {domain}}}").portainer.domain == domain


@pytest.mark.parametrize("domain", ["../etc", "localhost", "a/b.c", "https://mip.example", "mip.example/", "Ä.example"])
def test_what_is_no_domain_is_no_folder_of_the_masters_either(domain):
    (line,) = refused(f"settings: {{portainer: {{domain: '{domain}'}}}}")
    assert line.startswith("mip.settings.portainer.domain: must be a whole domain name")


@pytest.mark.parametrize("image", ["portainer/portainer", "portainer:", "-p:1", "a b:1"])
def test_portainers_image_has_a_tag(image):
    (line,) = refused(f"settings: {{portainer: {{image: '{image}'}}}}")
    assert line.startswith("mip.settings.portainer.image: an image's name with its tag")


@pytest.mark.parametrize("text", ['hosts: "yes"', "time_sync: 1", "hosts: null", 'jobs: "3"', "data: {user: -r}"])
def test_a_value_of_another_kind_is_refused_with_its_path(text):
    (line,) = refused(f"settings: {{{text}}}")
    assert line.startswith("mip.settings.")


def test_the_nodes_file_answers_alike_and_repeats_no_secret():
    row = "{role: master, address: a, pasword: tenu-gano, host_key: tive-juzu}"
    with pytest.raises(UsageError) as caught:
        parse_nodes_file(f"nodes: {{ms: {row}}}", "nodes.yaml")
    assert "nodes.ms.pasword: is not a setting here (did you mean password?)" in str(caught.value)
    assert not {"tenu", "tive"} & set(str(caught.value).replace("-", " ").split())
