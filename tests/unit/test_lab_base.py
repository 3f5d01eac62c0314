"""The bases of a lab, as they lie beside each other in a cache that several checkouts share."""

import os
import time

import pytest
from mip_salt.errors import Damaged
from mip_salt.lab import base
from mip_salt.lab.tools import silent

DAY = 24 * 3600


@pytest.fixture
def mmdebstrap(monkeypatch):
    """What builds, in place of mmdebstrap, whose root has the times of its packages."""

    def makes(work, *_):
        (work / "root").mkdir()
        os.utime(work / "root", (0, 0))

    monkeypatch.setattr(base, "_mmdebstrap", makes)


def of_another_recipe(cache, release="bookworm", days=0.0):
    """A base that was built some days ago."""
    path = cache / f"{release}-docker-01234567"
    path.mkdir(parents=True)
    built = time.time() - days * DAY
    os.utime(path, (built, built))
    return path


def built(cache, release="bookworm"):
    path = base.base_path(cache, release, True)
    base.build(path, release, True, silent)
    return path


def test_a_base_that_is_built_tells_when_it_was_built(tmp_path, mmdebstrap):
    assert time.time() - built(tmp_path).stat().st_mtime < DAY


def test_a_base_of_another_recipe_stays_for_the_checkout_that_built_it_this_week(tmp_path, mmdebstrap):
    other = of_another_recipe(tmp_path, days=6.9)
    built(tmp_path)
    assert other.is_dir()


def test_a_base_of_another_recipe_that_is_older_goes(tmp_path, mmdebstrap):
    other = of_another_recipe(tmp_path, days=7.1)
    built(tmp_path)
    assert not other.exists()


def test_a_base_that_a_machine_runs_on_stays_whatever_its_age(tmp_path, mmdebstrap, monkeypatch):
    other = of_another_recipe(tmp_path, days=70)
    monkeypatch.setattr(base, "mounted_under", lambda folder: [folder] if folder == other else [])
    built(tmp_path)
    assert other.is_dir()


def test_a_base_of_another_release_is_not_judged(tmp_path, mmdebstrap):
    other = of_another_recipe(tmp_path, "trixie", days=70)
    built(tmp_path)
    assert other.is_dir()


def test_a_build_that_failed_leaves_nothing(tmp_path, monkeypatch):
    def fails(work, *_):
        (work / "root").mkdir()
        raise Damaged("no mirror", hint="Look.")

    monkeypatch.setattr(base, "_mmdebstrap", fails)
    with pytest.raises(Damaged, match="no mirror"):
        built(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
