"""How many cores: fewer than the machine has where a control group limits this process."""

import os

import pytest

from sightline.host import processors


def write(system, files):
    for name, text in files.items():
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


GROUP = {"proc/self/cgroup": "0::/a/b\n"}
HYBRID = {"proc/self/cgroup": "5:memory:/pod\n4:cpu,cpuacct:/pod\n0::/\n"}


@pytest.mark.faults
@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        (GROUP | {"sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 8),
        (GROUP | {"sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"}, 2),
        (GROUP | {"sys/fs/cgroup/a/b/cpu.max": "10000 100000\n"}, 1),
        (GROUP | {"sys/fs/cgroup/a/b/cpu.max": "1600000 100000\n"}, 8),
        (
            GROUP
            | {"sys/fs/cgroup/a/cpu.max": "300000 100000", "sys/fs/cgroup/a/b/cpu.max": "max 1"},
            3,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        (
            HYBRID
            | {
                "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            HYBRID
            | {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8,
        ),
        (  # a container that sees its host's path
            HYBRID
            | {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "500000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            5,
        ),
    ],
)
def test_quotas_of_control_groups_count(tmp_path, monkeypatch, files, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    write(tmp_path, files)
    assert processors.cores(tmp_path) == cores


@pytest.mark.faults
def test_the_affinity_of_this_process_counts():
    assert 1 <= processors.cores() <= len(os.sched_getaffinity(0))
