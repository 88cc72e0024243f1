"""The Dockerfile names what is there; that it builds and runs is in `make image-check`."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import botocore

from layers.model.checkpoints import CHECKPOINTS, StateDict
from tests.template.stack import template

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "layers" / "model" / "requirements.txt").read_text(encoding="utf-8")


def stages() -> set[str]:
    return set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))


def test_there_is_a_stage_for_each_model_and_engine() -> None:
    wanted = {f"onnxruntime-{name}" for name in CHECKPOINTS}
    wanted |= {f"torch-{name}" for name, checkpoint in CHECKPOINTS.items() if isinstance(checkpoint, StateDict)}
    assert {name for name in stages() if re.match(r"(onnxruntime|torch)-", name)} == wanted


def test_the_stack_offers_the_models_that_can_be_built() -> None:
    assert set(template()["Parameters"]["Model"]["AllowedValues"]) == set(CHECKPOINTS)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in ignore if line.startswith("!")]
    copied = re.findall(r"^COPY ((?:[^-\s]\S* )+)\S+$", DOCKERFILE, re.MULTILINE)
    assert copied
    for path in " ".join(copied).split():
        assert list(ROOT.glob(path)), path
        assert any(path.startswith(root) for root in let_in), path


def test_the_label_bears_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"ARG VERSION={project['version']}\n" in DOCKERFILE


def test_the_cpu_index_gives_torch_and_the_lock_the_rest() -> None:
    """The Dockerfile splits the lock with awk; run on it, everything is on one side, or CUDA's and on none."""
    first, second = re.findall(r"awk '([^']+)' /src/requirements.txt", DOCKERFILE)
    hashed, torch = (
        subprocess.run(["awk", program], input=LOCK, capture_output=True, text=True, check=True).stdout  # noqa: S607 - awk, from PATH
        for program in (first, second)
    )
    names = set(re.findall(r"^([a-z][\w.-]*)==", LOCK, re.MULTILINE))
    kept = set(re.findall(r"^([a-z][\w.-]*)==", hashed, re.MULTILINE))
    assert re.fullmatch(r"torch==[\d.]+\ntorchvision==[\d.]+\n", torch)
    assert {"torch", "torchvision"} <= names - kept
    assert all(re.match(r"torch|torchvision|triton|nvidia-|cuda-", name) for name in names - kept)
    assert hashed.count("--hash=") > 0
    assert all(f"{name}==" not in hashed for name in names - kept)
    assert len(re.findall(r"^\s+--hash", hashed, re.MULTILINE)) < len(re.findall(r"^\s+--hash", LOCK, re.MULTILINE))


def test_the_services_that_botocore_keeps_are_those_that_are_called() -> None:
    """To make a client botocore lists every service's folder; those of its own credentials are asked by botocore."""
    kept = set(re.findall(r"! -name (\S+)", DOCKERFILE))
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "handler").rglob("*.py")]
    called = {name for text in texts for name in re.findall(r"boto3\.client\(\s*\"(\w+)\"", text)}
    called |= {"secretsmanager" for text in texts if "SecretsProvider" in text}
    assert called == {"s3", "lambda", "secretsmanager"}
    assert kept == called | {"sts", "sso", "sso-oidc", "signin"}
    assert all((Path(botocore.__file__).parent / "data" / name).is_dir() for name in kept)


def test_nothing_is_sent_to_the_makers_of_the_engine(tmp_path: Path) -> None:
    """ONNX Runtime leaves a device's id below HOME where it gathers events."""
    code = "import handler.model.onnx_engine, onnxruntime; onnxruntime.SessionOptions()"
    subprocess.run([sys.executable, "-c", code], env={"HOME": str(tmp_path)}, cwd=ROOT, check=True)
    assert not list(tmp_path.rglob("*"))
    assert "ORT_DISABLE_TELEMETRY=1" in DOCKERFILE
