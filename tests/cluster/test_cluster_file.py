"""Cluster files are data: what they may hold, and one line for everything else."""

import inspect

import pytest

from dhmodel.cli import main
from dhmodel.errors import InputError
from dhmodel.simulate import measure
from dhmodel.sweep.cluster_file import read_cluster
from dhmodel.sweep.cluster_start import kubernetes_arguments, slurm_arguments
from dhmodel.sweep.runner import executor_for

SLURM = 'kind = "slurm"\nworkers = 4\nmemory = "2 GB"\n'
TLS = '[tls]\nca = "ca.pem"\ncert = "cert.pem"\nkey = "key.pem"\n'


@pytest.fixture
def written(tmp_path):
    """Write a cluster file into a folder with certificates, and read it."""
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()

    def write(text: str):
        (tmp_path / "x.toml").write_text(text)
        return read_cluster(tmp_path / "x.toml")

    return write


@pytest.mark.parametrize(
    "text, told",
    [
        ("", 'unknown kind of cluster None in .*; allowed: local, address, slurm, kubernetes; nearest: "'),
        ('kind = "slum"', 'unknown kind of cluster "slum" in .*nearest: "slurm"'),
        ("kind = [1]", "unknown kind of cluster"),
        ('kind = "local"\nworker = 2', 'unknown key "worker" in .*kind local.*nearest: "workers"'),
        ('kind = "local"\nworkers = "2"', 'workers: got "2"'),
        ('kind = "local"\nworkers = 0', "workers: got 0"),
        ('kind = "local"\nmemory = "2 apples"', 'memory: got "2 apples": a number with kB'),
        ('kind = "local"\nhost = "a"\ninterface = "b"', "interface and host: give one of the two"),
        ('kind = "slurm"\nworkers = 2', "memory is missing"),
        (f'{SLURM}job_script_prologue = ["rm -r /"]', 'unknown key "job_script_prologue"'),
        (f'{SLURM}queue = "a\\nrm -r /"', 'queue: got "a rm -r /": only letters'),
        (f'{SLURM}account = "$(id)"', 'account: got "\\$\\(id\\)": only letters'),
        (f'{SLURM}options = ["--wrap=a b"]', 'options.0: got "--wrap=a b": only letters'),
        (f'{SLURM}options = ["; id"]', 'options.0: got "; id": needs to be a long option of sbatch'),
        (f'{SLURM}python = "python; id"', "python: got .*: only letters"),
        (f"{SLURM}{TLS.replace('key.pem', '../key.pem')}", 'tls.key: "../key.pem" lies outside the folder'),
        (f"{SLURM}{TLS.replace('key.pem', '/etc/passwd')}", 'tls.key: "/etc/passwd" lies outside the folder'),
        (f"{SLURM}{TLS.replace('key.pem', 'no.pem')}", 'tls.key: there is no file "no.pem"'),
        (f'{SLURM}{TLS}password = "x"', 'unknown key "tls.password"'),
        (f"{SLURM}[tls]\nca = 1", "tls.ca: got 1"),
        (f"{SLURM}tls = 3", "tls: got 3"),
        ('kind = "address"\naddress = "10.0.0.1:8786"', "address: got"),
        ('kind = "address"\naddress = "tls://10.0.0.1:8786"', "a table .tls. goes with an address"),
        (f'kind = "address"\naddress = "tcp://10.0.0.1:8786"\n{TLS}', "a table .tls. goes with an address"),
        ('kind = "kubernetes"\nworkers = 1', "image is missing"),
        (f'kind = "kubernetes"\nworkers = 1\nimage = "x"\n{TLS}', 'unknown key "tls"'),
        ("kind = ", "not TOML"),
    ],
)
def test_what_a_file_may_not_hold_is_refused_in_one_line(written, text, told):
    with pytest.raises(InputError, match=told) as error:
        written(text)
    assert "\n" not in str(error.value) and "x.toml" in str(error.value)


def test_a_link_out_of_the_folder_is_refused(written, tmp_path):
    (tmp_path / "out.pem").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="lies outside the folder of the file"):
        written(SLURM + TLS.replace("key.pem", "out.pem"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no.toml: No such file"):
        read_cluster(tmp_path / "no.toml")


def test_the_scheduler_listens_on_loopback_unless_the_file_says_otherwise(written):
    assert written('kind = "local"').listens() == {"host": "127.0.0.1"}
    assert written(f'{SLURM}interface = "ib0"').listens() == {"interface": "ib0"}
    assert written(f'{SLURM}host = "10.1.2.3"').listens() == {"host": "10.1.2.3"}


def test_a_run_may_take_what_its_worker_has_unless_told_otherwise(written, tmp_path):
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    written('kind = "local"\nmemory = "2 GB"')
    assert executor_for(measure, 1, None, None, tmp_path / "x.toml").memory_limit == 2_000_000_000
    assert executor_for(measure, 1, None, 5, tmp_path / "x.toml").memory_limit == 5


@pytest.mark.parametrize(
    "options, told",
    [
        (["--workers", "2"], "--workers: of no effect without a sweep on this machine"),
        (["--dry-run"], 'unknown key "worker" in x.toml'),
    ],
)
def test_the_command_line_refuses_in_one_line(tmp_path, monkeypatch, capsys, options, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.toml").write_text('kind = "local"\nworker = 2\n')
    monkeypatch.setattr("sys.argv", ["dhmodel", "sweep", "scs_frequency", "--cluster", "x.toml", *options])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2 and capsys.readouterr().err.startswith(f"error: {told}")


def test_a_slurm_job_script_holds_what_the_file_says_and_no_other_command(written, monkeypatch, tmp_path):
    slurm = pytest.importorskip("dask_jobqueue.slurm", reason="the extra cluster is not installed")
    config = pytest.importorskip("dask", reason="the extra cluster is not installed").config
    options = 'queue = "long"\naccount = "lab"\nwalltime = "02:00:00"\noptions = ["--constraint=skylake"]\n'
    arguments = slurm_arguments(written(f"{SLURM}{options}per_job = 2\n"))
    with config.set({"jobqueue.slurm.job-script-prologue": ["rm -r /"]}):  # another file of the user's
        passed = {name: arguments[name] for name in arguments.keys() - {"scheduler_options", "silence_logs"}}
        lines = slurm.SLURMJob("tcp://127.0.0.1:1", "name", **passed).job_script().splitlines()
    wanted = {"-p long", "-A lab", "-t 02:00:00", "--constraint=skylake", "--mem=4G", "--cpus-per-task=2"}
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    (command,) = [line for line in lines if line and not line.startswith("#")]
    assert " -m distributed.cli.dask_worker tcp://127.0.0.1:1 " in command
    assert " --nthreads 1 " in command and " --nworkers 2 " in command and " --host 127.0.0.1" in command


def test_a_path_that_a_shell_would_split_is_kept_out_of_the_job_script(written, monkeypatch):
    monkeypatch.setattr("sys.executable", "/opt/my python/bin/python")
    with pytest.raises(InputError, match="cannot stand in a job script"):
        slurm_arguments(written(SLURM))


def test_kubernetes_is_asked_for_what_the_file_says(written):
    cluster = pytest.importorskip(
        "dask_kubernetes.operator", reason="dask-kubernetes is not installed"
    ).KubeCluster
    text = 'kind = "kubernetes"\nworkers = 3\nimage = "lab/dhmodel:0.1.0"\nmemory = "2 GB"\nnamespace = "lab"'
    arguments = kubernetes_arguments(written(text))
    inspect.signature(cluster.__init__).bind(None, **arguments)
    assert arguments["n_workers"] == 3 and arguments["image"] == "lab/dhmodel:0.1.0"
    assert arguments["resources"]["limits"] == {"cpu": "1", "memory": "2000000000"}
    assert arguments["worker_command"] == ["dask-worker", "--nthreads", "1"]
