"""What is asked of S3 Batch Operations: the request that makes a job. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_CreateJob.html
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.batch.manifest import FIELDS, FORMAT
from deploy.stack import RefusedError
from handler.errors import CutoutError
from handler.settings import Settings
from handler.triggers.uploads.options import asked_by_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# In the output bucket; the role in template.yaml reaches nothing else there.
PREFIX = "batch-jobs"
MAX_ARGUMENTS = 10  # S3's limit


@dataclass(frozen=True)
class Job:
    """What a job is made from."""

    account: str
    partition: str
    role_arn: str
    alias_arn: str
    output_bucket: str
    description: str
    arguments: Mapping[str, str]
    token: str  # the same for the same work: S3 makes no second job for it


def arguments_of(options: Sequence[str], settings: Settings) -> dict[str, str]:
    """Read `name=value` texts, `+` for a space in a value, and hold them to what the function takes.

    Raises RefusedError.
    """
    arguments: dict[str, str] = {}
    for option in options:
        name, given, value = option.partition("=")
        if not given:
            raise RefusedError(f"OPTIONS has {option!r}; name=value is needed, such as format=webp.")
        if name in arguments:
            raise RefusedError(f"OPTIONS names {name} twice.")
        arguments[name] = value.replace("+", " ")  # as in OUTPUTS
    try:
        asked_by_arguments(arguments, settings)
    except CutoutError as error:
        raise RefusedError(f"OPTIONS: {error}") from error
    if len(arguments) > MAX_ARGUMENTS:
        raise RefusedError(f"OPTIONS has {len(arguments)} names; S3 hands on {MAX_ARGUMENTS} at most.")
    return arguments


def token_of(manifest_sha256: str, alias_arn: str, arguments: Mapping[str, str], again: str) -> str:
    """Give the token of a job: of the same objects, options and function the same one. At most 64 characters."""
    work = json.dumps([manifest_sha256, alias_arn, dict(sorted(arguments.items())), again])
    return hashlib.sha256(work.encode()).hexdigest()


def manifest_key(job: Job) -> str:
    """Say where a job's manifest lies."""
    return f"{PREFIX}/manifests/{job.token}.csv"


def create_job(job: Job, etag: str, version_id: str | None) -> dict[str, Any]:
    """Give the request's parameters, for a manifest that lies in its place."""
    bucket = f"arn:{job.partition}:s3:::{job.output_bucket}"
    location = {"ObjectArn": f"{bucket}/{manifest_key(job)}", "ETag": etag}
    invoke: dict[str, Any] = {"FunctionArn": job.alias_arn, "InvocationSchemaVersion": "2.0"}
    if job.arguments:  # S3 refuses an empty map
        invoke["UserArguments"] = dict(job.arguments)
    return {
        "AccountId": job.account,
        "ConfirmationRequired": False,  # CREATE=1 was it
        "Operation": {"LambdaInvoke": invoke},
        "Manifest": {
            "Spec": {"Format": FORMAT, "Fields": list(FIELDS)},
            "Location": location if version_id is None else {**location, "ObjectVersionId": version_id},
        },
        "Report": {
            "Enabled": True,
            "Bucket": bucket,
            "Prefix": f"{PREFIX}/reports",
            "Format": "Report_CSV_20180820",
            "ReportScope": "AllTasks",  # a sentence of the function's about each picture
        },
        "Description": job.description,
        "Priority": 10,
        "RoleArn": job.role_arn,
        "ClientRequestToken": job.token,
    }


def settings_of(parameters: Mapping[str, str]) -> Settings:
    """Give the function's settings, as far as options are read by them."""
    return Settings.from_env(
        {"OUTPUT_FORMAT": parameters.get("OutputFormat", ""), "OUTPUTS": parameters.get("Outputs", "")}
    )
