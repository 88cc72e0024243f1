"""Counts, prices and makes a job: `python -m deploy.batch ENVIRONMENT [--prefix P] [--options "…"] [--create]`.

Enters: the stack, and its input bucket's listing. Leaves: the price, a manifest in the output bucket, and the request
that makes the job, in JSON; with `--create` the job itself. The same work is not made twice: a second job over the same
objects with the same options needs `--again`.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.batch import estimate, manifest, request
from deploy.batch.manifest import Listed, Tally
from deploy.stack import RefusedError, Standing, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3control import S3ControlClient

SAID_EVERY = 100_000  # objects
# A job that S3 says was made longer ago than this command has run is an earlier one.
CLOCKS_DIFFER = datetime.timedelta(minutes=2)


def main(arguments: Sequence[str] | None = None, session: boto3.Session | None = None) -> int:
    """Run the command; 1 where something is refused."""
    parser = argparse.ArgumentParser(prog="python -m deploy.batch", description="A job of S3 Batch Operations.")
    parser.add_argument("environment", help="staging or production: a section of samconfig.toml")
    parser.add_argument("--bucket", default="", help="the stack's input bucket, which it is without")
    parser.add_argument("--prefix", default="", help="only keys that begin so")
    parser.add_argument("--options", default="", help='how the results are to look: "format=webp size=hd"')
    parser.add_argument("--seconds", type=float, help="a picture takes in your stack, instead of what was measured")
    parser.add_argument("--create", action="store_true", help="makes the job")
    parser.add_argument("--again", action="store_true", help="makes it although the same job was made before")
    options = parser.parse_args(arguments)
    try:
        return _run(options, session or boto3.Session())
    except (RefusedError, estimate.NotMeasuredError) as refused:
        sys.stderr.write(f"No job was made: {refused}\n")
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"No job was made, since AWS refused or was not reached: {error}\n")
    return 1


def _run(options: argparse.Namespace, session: boto3.Session) -> int:
    stack = standing(options.environment, session)
    role_arn, alias_arn = stack.output("BatchRoleArn"), stack.output("AliasArn")
    bucket = stack.output("InputBucketName")
    if options.bucket not in {"", bucket}:
        raise RefusedError(
            f"the function of {stack.name} reads the uploads of {bucket} alone, and results of two buckets would meet "
            f"under one key. Deploy a stack with ExistingInputBucket={options.bucket}."
        )
    arguments = request.arguments_of(shlex.split(options.options), request.settings_of(stack.parameters))
    s3 = session.client("s3", region_name=stack.region)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "manifest.csv"
        tally = _listed(s3, stack, bucket, options.prefix, path)
        sys.stdout.write(f"{manifest.described(tally)}\n")
        if not tally.pictures:
            raise RefusedError(f"s3://{bucket}/{options.prefix} holds no picture to cut out.")
        _price(session.client("lambda", region_name=stack.region), stack, tally, options.seconds)
        again = datetime.datetime.now(datetime.UTC).isoformat() if options.again else ""
        _, partition, _, _, account, *_ = alias_arn.split(":")
        job = request.Job(
            account=account,
            partition=partition,
            role_arn=role_arn,
            alias_arn=alias_arn,
            output_bucket=stack.output("OutputBucketName"),
            description=f"Background removal of s3://{bucket}/{options.prefix} by {stack.name}"[:256],
            arguments=arguments,
            token=request.token_of(_sha256(path), alias_arn, arguments, again),
        )
        made = _with_manifest(s3, job, path)
    sys.stdout.write(f"{json.dumps(made, indent=2, ensure_ascii=False)}\n")
    if not options.create:
        sys.stdout.write("This is the request, and its manifest is written; nothing runs. CREATE=1 makes the job.\n")
        return 0
    _create(session.client("s3control", region_name=stack.region), made, job)
    return 0


def _listed(s3: S3Client, stack: Standing, bucket: str, prefix: str, path: Path) -> Tally:
    """List the bucket into a manifest."""
    largest = int(stack.parameters["MaxInputBytes"])
    shared = bucket == stack.output("OutputBucketName")
    own_prefix = stack.parameters["OutputPrefix"] if shared else None
    with path.open("w", encoding="ascii", newline="") as file:
        return manifest.write(_objects(s3, bucket, prefix), bucket, largest, own_prefix, file)


def _objects(s3: S3Client, bucket: str, prefix: str) -> Iterator[Listed]:
    number = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            number += 1
            if number % SAID_EVERY == 0:
                sys.stderr.write(f"{number:,} objects listed\n")
            yield Listed(found["Key"], found["Size"], found.get("StorageClass", "STANDARD"))


def _price(function: LambdaClient, stack: Standing, tally: Tally, seconds: float | None) -> None:
    """Say what the job will cost, and how long it will take."""
    about = stack.parameters
    memory_mb, architecture = int(about["MemoryMb"]), about["Architecture"]
    if seconds is None:
        measured = estimate.seconds_of(about["Model"], about["Resize"], memory_mb, architecture)
    else:
        measured = estimate.Seconds(seconds, seconds, 0.0, "your own stack, by SECONDS", "your own size")
    reserved = function.get_function_concurrency(FunctionName=stack.name).get("ReservedConcurrentExecutions")
    if reserved is None:
        reserved = function.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    if reserved == 0:
        raise RefusedError(f"{stack.name} may run no environment: its concurrency is 0.")
    here = estimate.Stack(memory_mb, architecture, reserved)
    sys.stdout.write(f"{estimate.described(estimate.estimate(tally.pictures, measured, here), measured, here)}\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_manifest(s3: S3Client, job: request.Job, path: Path) -> dict[str, Any]:
    """Write the manifest, and give the request that names it.

    S3 Batch Operations reads no manifest under a customer's KMS key, so it is encrypted with S3's own, whatever the
    bucket's default: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html#specify-batchjob-manifest
    """
    key = request.manifest_key(job)
    more = {"ServerSideEncryption": "AES256", "ContentType": "text/csv"}
    s3.upload_file(str(path), job.output_bucket, key, ExtraArgs=more)
    found = s3.head_object(Bucket=job.output_bucket, Key=key)
    return request.create_job(job, found["ETag"].strip('"'), found.get("VersionId"))


def _create(s3control: S3ControlClient, made: dict[str, Any], job: request.Job) -> None:
    """Make the job, and say how it is watched."""
    began = datetime.datetime.now(datetime.UTC)
    identifier = s3control.create_job(**made)["JobId"]
    known = s3control.describe_job(AccountId=job.account, JobId=identifier)["Job"]
    earlier = known["CreationTime"] < began - CLOCKS_DIFFER
    sys.stdout.write(
        f"This job was made on {known['CreationTime']:%Y-%m-%d %H:%M} already, and is {known['Status']}: {identifier}. "
        "AGAIN=1 makes it once more.\n"
        if earlier
        else f"The job is made, and is {known['Status']}: {identifier}\n"
    )
    sys.stdout.write(
        f"How far it is: aws s3control describe-job --account-id {job.account} --job-id {identifier}\n"
        f"What became of each picture, when it is done: s3://{job.output_bucket}/{request.PREFIX}/reports/job-{identifier}/\n"
    )


if __name__ == "__main__":
    sys.exit(main())
