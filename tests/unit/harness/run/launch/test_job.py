"""Job scripts as text: what is asked for, what is quoted, what is refused; and what Slurm says of a job."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness import __version__
from harness.cli.launch import launch
from harness.core.errors import UserError
from harness.package.workspace import Workspace
from harness.plan.recipe import Recipe, load_recipe
from harness.plan.request import Request, find_request
from harness.run.launch.job import minutes, render
from harness.run.launch.registry import launcher_for
from harness.run.launch.slurm import read_state
from rules.model.layout import STRONG, WEAK, PackageLayout

JOB = {
    "partition": "gpu",
    "account": "p200",
    "qos": "short",
    "time": "1-02:30:00",
    "cpus_per_worker": 16,
    "memory_per_node": "200G",
    "modules": ["CUDA/12.4", "it's; rm"],
    "environment": {"XLA_FLAGS": "--a --b=$HOME"},
    "setup": ["source ~/venv/bin/activate"],
    "options": ["--constraint=a100"],
    "step_options": ["--mpi=none"],
}
DEVICES = {"nodes": 2, "accelerators_per_node": 4, "workers_per_node": 4}


def request(recipe, throughput=False):
    layout = PackageLayout(Path("submissions/lab"), "big", WEAK if throughput else STRONG)
    return Request(layout, layout, recipe, recipe.instances if throughput else recipe.runs)


def rendered(launcher, **job):
    recipe = Recipe(launcher=launcher, devices=DEVICES, job={**JOB, **job})
    return render(request(recipe), Workspace(Path("submissions"), Path("data")))


def is_bash(text):
    done = subprocess.run([shutil.which("bash"), "-n"], input=text, capture_output=True, text=True)
    return done.returncode == 0 and not done.stderr


def test_a_slurm_job_asks_for_what_the_recipe_says():
    job = rendered("slurm")
    directives = {
        line.removeprefix("#SBATCH ") for line in job.text.splitlines() if line.startswith("#SBATCH")
    }
    assert directives == {
        "--job-name=cloudmask-lab-big",
        f"--output={job.log}",
        "--open-mode=append",
        "--nodes=2",
        "--ntasks-per-node=4",
        "--time=1-02:30:00",
        "--signal=B:TERM@120",
        "--requeue",
        "--exclusive",
        "--partition=gpu",
        "--account=p200",
        "--qos=short",
        "--gres=gpu:4",
        "--cpus-per-task=16",
        "--mem=200G",
        "--constraint=a100",
    }
    assert "module load CUDA/12.4 ||" in job.text
    assert """module load 'it'"'"'s; rm' ||""" in job.text
    assert "export XLA_FLAGS='--a --b=$HOME'" in job.text
    assert "\nsource ~/venv/bin/activate\n" in job.text
    assert "start_module.py harness submit --system big --org lab" in job.text and "--resume &" in job.text
    assert is_bash(job.text)
    assert job.log_of("17").name == "cloudmask-lab-big-17.log"


def test_directives_come_before_the_first_command():
    """Slurm and LSF stop reading them there."""
    for launcher, token in (("slurm", "#SBATCH"), ("lsf", "#BSUB")):
        lines = rendered(launcher).text.splitlines()
        first = next(at for at, line in enumerate(lines) if line and not line.startswith("#"))
        assert not any(line.startswith(token) for line in lines[first:])


def test_a_job_that_is_not_to_start_again():
    text = rendered("slurm", requeues=0, exclusive=False, gres="gpu:a100:4").text
    assert "requeue" not in text and "--exclusive" not in text and "--gres=gpu:a100:4" in text


def test_throughput_asks_for_the_nodes_of_all_models():
    recipe = Recipe(launcher="slurm", devices=DEVICES, instances=3, command=["x"])
    job = render(request(recipe, throughput=True), Workspace())
    assert "#SBATCH --nodes=6\n" in job.text and "--resume --throughput &" in job.text
    launcher = launcher_for(recipe, 3, {"SLURM_JOB_NODELIST": "n[1-6]"})
    part = launcher.part(1)
    assert part.nodes == ["n3", "n4"] and "--nodelist=n3,n4" in part.command(["x"])
    assert "--nodelist=n3" in part.on_node(0) and launcher.part(0).on_node(0) == []


def test_throughput_needs_a_number_of_models(tmp_path):
    path = tmp_path / "lab/benchmarks/cloudmask/box/recipe.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("launcher: slurm\n")
    with pytest.raises(UserError, match="how many models"):
        find_request(Workspace(tmp_path), "box", "lab", throughput=True)
    path.write_text("launcher: slurm\ninstances: 3\n")
    found = find_request(Workspace(tmp_path), "box", "lab", throughput=True)
    assert (found.runs, found.models, found.layout.scaling) == (3, 3, WEAK)


def test_an_lsf_job_asks_for_the_same():
    job = rendered("lsf")
    directives = {line.removeprefix("#BSUB ") for line in job.text.splitlines() if line.startswith("#BSUB")}
    assert directives == {
        "-J cloudmask-lab-big",
        f"-o {job.log}",
        "-n 8",
        '-R "span[ptile=4]"',
        "-W 26:30",
        "-x",
        "-r",
        "-wt 2",
        "-wa TERM",
        "-q gpu",
        "-P p200",
        '-gpu "num=4/host"',
        '-R "affinity[core(16)]"',
        '-R "rusage[mem=200G/host]"',
        "--constraint=a100",
    }
    assert is_bash(job.text)
    assert job.log_of("17").name == "cloudmask-lab-big-17.log"


@pytest.mark.parametrize(
    "time, expected",
    [
        ("90", 90),
        ("90:30", 91),
        ("1:30:00", 90),
        ("0:00:01", 1),
        ("1-0", 1440),
        ("1-2:30", 1590),
        ("2-0:0:5", 2881),
    ],
)
def test_time_limits_in_minutes(time, expected):
    assert minutes(time) == expected


@pytest.mark.parametrize(
    "job",
    [
        "partition: 'a b'",
        'account: "x\\n#SBATCH --wrap=y"',
        "time: soon",
        "time: '1:2:3:4'",
        "options: ['rm -rf']",
        'options: ["--a\\nrm"]',
        'setup: ["a\\rb"]',
        "environment: {'A;B': c}",
        'environment: {A: "b\\n"}',
        "gres: '-x'",
        "memory_per_node: lots",
        "requeues: -1",
    ],
)
def test_values_that_would_leave_their_line_are_refused(tmp_path, job):
    path = tmp_path / "recipe.yaml"
    path.write_text(f"launcher: slurm\njob: {{{job}}}\n")
    with pytest.raises(UserError, match="job") as caught:
        load_recipe(path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "recipe, words",
    [
        ("devices: {workers_per_node: 2, strategy: one-device}", "one-device cannot use 2 workers"),
        ("devices: {accelerators_per_node: 4, workers_per_node: 3}", "4 accelerators cannot be shared"),
        ("devices: {nodes: 2}", "launcher local uses this machine only"),
        (
            "hyperparameters: {global_batch_size: 9}\ndevices: {workers_per_node: 2}",
            "9 cannot be shared evenly by 2",
        ),
    ],
)
def test_devices_that_do_not_fit_together(tmp_path, recipe, words):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe)
    with pytest.raises(UserError, match=words):
        load_recipe(path)


@pytest.mark.parametrize(
    "devices, strategy",
    [
        ({}, "one-device"),
        ({"accelerators_per_node": 1}, "one-device"),
        ({"accelerators_per_node": 4}, "mirrored"),
        ({"workers_per_node": 2}, "multi-worker"),
        ({"accelerators_per_node": 4, "strategy": "one-device"}, "one-device"),
    ],
)
def test_one_field_chooses_the_strategy(devices, strategy):
    assert Recipe(devices=devices).devices.chosen_strategy == strategy


def test_launching_a_local_recipe_is_explained():
    recipe = Recipe()
    with pytest.raises(UserError, match="launcher local: there is nothing to send"):
        render(request(recipe), Workspace())
    with pytest.raises(UserError, match="cannot lie in"):
        render(request(Recipe(launcher="slurm")), Workspace(data=Path("/my data")))


def test_steps_cover_the_jobs_nodes():
    recipe = Recipe(launcher="slurm", devices=DEVICES, job=JOB)
    launcher = launcher_for(recipe, environment={"SLURM_JOB_NODELIST": "n[1-2]"})
    command = launcher.command(["python", "-m", "reference"])
    assert command[0] == "srun" and {"--nodes=2", "--ntasks=8", "--kill-on-bad-exit=1", "--mpi=none"} < {
        *command
    }
    assert command[-4] == "harness.run.launch.worker"
    workers = launcher.environment()["CLOUDMASK_WORKERS"].split(",")
    assert [w.split(":")[0] for w in workers] == ["n1"] * 4 + ["n2"] * 4
    assert launcher.on_node(0) == [] and "--nodelist=n2" in launcher.on_node(1)
    with pytest.raises(UserError, match="The job has 1 node, the recipe asks for 2"):
        launcher_for(recipe, environment={"SLURM_JOB_NODELIST": "n1"})
    with pytest.raises(UserError, match="not a Slurm job"):
        launcher_for(recipe, environment={})


@pytest.mark.parametrize(
    "text, word, over, code",
    [
        ("JobId=1 JobState=PENDING Reason=Resources ExitCode=0:0", "PENDING", False, None),
        ("JobId=1 JobState=COMPLETED Reason=None ExitCode=0:0", "COMPLETED", True, 0),
        ("JobId=1 JobState=FAILED Reason=NonZeroExitCode ExitCode=2:0", "FAILED", True, 2),
        ("JobId=1 JobState=CANCELLED Reason=None ExitCode=0:15", "CANCELLED", True, 128),
        ("", "UNKNOWN", True, None),
    ],
)
def test_what_slurm_says_of_a_job(text, word, over, code):
    state = read_state(text)
    assert (state.word, state.over, state.exit_code) == (word, over, code)


def test_a_dry_run_prints_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "submissions/lab/benchmarks/cloudmask/box"
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("launcher: slurm\ndevices: {nodes: 2}\n")
    done = CliRunner().invoke(launch, ["--system", "box", "--org", "lab", "--dry-run"], standalone_mode=False)
    assert "#SBATCH --nodes=2" in done.output and is_bash(done.output)
    assert not (tmp_path / "data").exists()


def test_the_job_starts_this_harness_whatever_lies_in_its_folder(tmp_path):
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness/__init__.py").write_text("raise SystemExit('the wrong harness')\n")
    line = next(
        line for line in rendered("slurm").text.splitlines() if "start_module.py harness submit" in line
    )
    words = shlex.split(line.rstrip(" &"))
    start = words[: words.index("submit")]
    done = subprocess.run([*start, "--version"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and __version__ in done.stdout, done.stderr
