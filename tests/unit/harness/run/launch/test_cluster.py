"""Who the workers are: node lists, addresses, ranks, devices."""

import contextlib
import json
import os
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.machine.page_cache import CacheResult
from harness.run.launch.cluster import local_workers, place, remote_workers, visible_devices
from harness.run.launch.lsf import lsf_hosts
from harness.run.launch.nodes import evict_on_all
from harness.run.launch.slurm import expand_hosts, slurm_addresses, slurm_nodes

TWO = {"CLOUDMASK_WORKERS": "a:1,a:2,b:3,b:4", "CLOUDMASK_WORKERS_PER_NODE": "2"}


@pytest.mark.parametrize(
    "text, hosts",
    [
        ("n1", ["n1"]),
        ("n1,n2", ["n1", "n2"]),
        ("gpu[01-03,10]", ["gpu01", "gpu02", "gpu03", "gpu10"]),
        ("n[9-11],login", ["n9", "n10", "n11", "login"]),
        ("r[1-2]c[3-4].x", ["r1c3.x", "r1c4.x", "r2c3.x", "r2c4.x"]),
        ("a-b[1,3]-ib0", ["a-b1-ib0", "a-b3-ib0"]),
    ],
)
def test_node_lists(text, hosts):
    assert expand_hosts(text) == hosts


@pytest.mark.parametrize(
    "text", ["", "n[1-", "n]1[", "n[2-1]", "n[a]", "n[1-9999999]", "n[1-99999]x[1-99999]", "n;rm", ",", "[]"]
)
def test_what_is_no_node_list(text):
    with pytest.raises(ValueError, match="node list"):
        expand_hosts(text)


@given(st.text(alphabet="ab01[],-.", max_size=20))
def test_any_text_is_a_list_or_an_error(text):
    with contextlib.suppress(ValueError):
        assert all("[" not in host for host in expand_hosts(text))


def test_the_nodes_of_a_job():
    assert slurm_nodes({"SLURM_JOB_NODELIST": "n[1-2]"}) == ["n1", "n2"]
    with pytest.raises(ValueError, match="not a Slurm job"):
        slurm_nodes({})
    assert lsf_hosts({"LSB_MCPU_HOSTS": "batch3 1 a01 42 a02 42"}) == ["a01", "a02"]
    assert lsf_hosts({"LSB_MCPU_HOSTS": "a01 1"}) == ["a01"]
    for bad in ("", "a01", "a01 x"):
        with pytest.raises(ValueError, match="not an LSF job"):
            lsf_hosts({"LSB_MCPU_HOSTS": bad})


def test_addresses_are_those_slurm_uses():
    told = "NodeName=n1 Arch=x NodeAddr=10.0.0.1 NodeHostName=n1 \nNodeName=n2 NodeAddr=10.0.0.2 X=y\n"
    assert slurm_addresses(["n1", "n2", "n3"], told) == ["10.0.0.1", "10.0.0.2", "n3"]


def test_ports_differ_between_workers():
    assert len(set(local_workers(5))) == 5
    workers = remote_workers(["a", "b"], 2)
    assert [w.split(":")[0] for w in workers] == ["a", "a", "b", "b"]
    assert len({w.split(":")[1] for w in workers}) == 4


@pytest.mark.parametrize("name", ["CLOUDMASK_RANK", "SLURM_PROCID", "PMIX_RANK", "OMPI_COMM_WORLD_RANK"])
def test_a_place_in_tensorflows_words(name):
    here = place({**TWO, name: "3", "SLURM_NODEID": "1"})
    assert json.loads(here.tf_config) == {
        "cluster": {"worker": ["a:1", "a:2", "b:3", "b:4"]},
        "task": {"type": "worker", "index": 3},
    }
    assert here.local_rank == 1


@pytest.mark.parametrize(
    "environment, words",
    [
        ({}, "CLOUDMASK_WORKERS is not set"),
        (TWO, "the rank of this worker"),
        ({**TWO, "SLURM_PROCID": "4"}, "SLURM_PROCID is 4, but the run has 4"),
        ({**TWO, "SLURM_PROCID": "-1"}, "a whole number expected"),
        ({**TWO, "SLURM_PROCID": "2", "SLURM_NODEID": "0"}, "worker 2 was put on node 0 of the job, 1"),
        ({"CLOUDMASK_WORKERS": "a:1", "CLOUDMASK_RANK": "0"}, "CLOUDMASK_WORKERS_PER_NODE"),
    ],
)
def test_a_place_that_cannot_be_told(environment, words):
    with pytest.raises(ValueError, match=words):
        place(environment)


@pytest.mark.parametrize(
    "environment, devices",
    [
        ({"CLOUDMASK_ACCELERATORS_PER_NODE": "4"}, "2,3"),
        ({"CLOUDMASK_ACCELERATORS_PER_NODE": "4", "CUDA_VISIBLE_DEVICES": "4,5,6,7"}, "6,7"),
        ({"CLOUDMASK_ACCELERATORS_PER_NODE": "4", "CUDA_VISIBLE_DEVICES": "0"}, None),
        ({"CLOUDMASK_ACCELERATORS_PER_NODE": "0"}, None),
        ({}, None),
    ],
)
def test_workers_of_a_node_share_its_devices(environment, devices):
    here = place({**TWO, "SLURM_PROCID": "3"})
    assert visible_devices(here, environment) == devices


@pytest.mark.parametrize("around", ["%s\n", "Welcome to n2\n%s\nepilogue: ok\n", "caf\\351\n%s\n"])
def test_a_node_that_greets_has_evicted_all_the_same(tmp_path, monkeypatch, around):
    result = CacheResult("posix_fadvise", 1, 5, 0, True)
    (tmp_path / "answer").write_text(json.dumps(asdict(result)))
    (tmp_path / "srun").write_text(f"#!/bin/sh\nprintf '{around}' \"$(cat {tmp_path}/answer)\"\n")
    (tmp_path / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    launcher = SimpleNamespace(nodes=["n2"], on_node=lambda node: ["srun"])
    assert evict_on_all(launcher, []) == result
