"""batch: a bucket is listed, priced, and becomes a job that S3 takes; or nothing is made, and the reason is said."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from deploy.batch.__main__ import main
from deploy.batch.request import MAX_ARGUMENTS, settings_of
from handler.triggers.uploads.options import asked_by_arguments
from handler.web.parameters.renditions import NAMES
from tests.deploy.aws import REGION, answer, fresh_session, make_stack, refusing
from tests.deploy.desk import ALIAS
from tests.template.stack import stack, template

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

ROLE = "arn:aws:iam::123456789012:role/inspyrenet-lambda-staging-BatchRole-1A2B3C4D5E6F"
KEYS = ("a.jpg", 'b, "c"\n.png', "notes.txt", "sub/画像 1.heic")
PARAMETERS = {
    "Uploads": "queue",
    "Model": "inspyrenet-base",
    "Resize": "static",
    "MemoryMb": "3008",
    "Architecture": "x86_64",
    "MaxInputBytes": "50000000",
    "OutputPrefix": "cutouts/",
    "OutputFormat": "png",
}


@dataclass
class Jobs:
    """S3 Batch Operations: makes one job of each token, as the service does."""

    session: boto3.Session
    made: list[dict[str, Any]] = field(default_factory=list)
    when: dict[str, datetime.datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        answer(self.session, "s3-control.CreateJob", self._create)
        answer(self.session, "s3-control.DescribeJob", self._describe)

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        token = given["ClientRequestToken"]
        if token not in self.when:
            self.made.append(given)
            self.when[token] = datetime.datetime.now(datetime.UTC)
        return {"JobId": token[:36]}

    def _describe(self, given: dict[str, Any]) -> dict[str, Any]:
        (token,) = [it for it in self.when if it.startswith(given["JobId"])]
        return {"Job": {"JobId": given["JobId"], "Status": "New", "CreationTime": self.when[token]}}


@dataclass
class Limits:
    """What Lambda says of how many environments may run."""

    session: boto3.Session
    account: int = 10
    reserved: int | None = None

    def __post_init__(self) -> None:
        answer(
            self.session,
            "lambda.GetAccountSettings",
            lambda _: {"AccountLimit": {"UnreservedConcurrentExecutions": self.account}},
        )
        answer(
            self.session,
            "lambda.GetFunctionConcurrency",
            lambda _: {} if self.reserved is None else {"ReservedConcurrentExecutions": self.reserved},
        )


@pytest.fixture(autouse=True)
def limits(session: boto3.Session) -> Limits:
    return Limits(session)


@pytest.fixture
def session() -> Iterator[boto3.Session]:
    with mock_aws():
        session = fresh_session()
        make_stack(
            session,
            {"InputBucketName": "uploads", "OutputBucketName": "results", "BatchRoleArn": ROLE},
            PARAMETERS,
        )
        s3 = session.client("s3", region_name=REGION)
        for bucket in ("uploads", "results"):
            s3.create_bucket(Bucket=bucket)
        for key in KEYS:
            s3.put_object(Bucket="uploads", Key=key, Body=b"picture")
        yield session


def requested(said: str) -> Any:
    """Find the request in what the command says."""
    return json.loads(said[said.index("\n{") : said.rindex("}") + 1])


def test_a_job_is_priced_and_asked_for_and_not_made_unasked(
    session: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(session)
    assert main(["staging"], session) == 0
    said = capsys.readouterr().out
    assert "Left out: 1 no picture, by their names' endings, such as 'notes.txt'." in said
    assert "pictures     3\n" in said
    assert re.search(r"dollars      0\.25: Lambda", said)
    assert "with 10 environments at once" in said
    assert requested(said)["ClientRequestToken"]
    assert "CREATE=1 makes the job" in said
    assert jobs.made == []


def test_the_job_that_is_made_is_the_one_that_was_shown(
    session: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = Jobs(session)
    assert main(["staging"], session) == 0
    shown = requested(capsys.readouterr().out)
    assert main(["staging", "--create"], session) == 0
    assert jobs.made == [shown]
    said = capsys.readouterr().out
    assert "The job is made, and is New: " in said
    assert "aws s3control describe-job --account-id 123456789012 --job-id " in said


def test_the_request_names_the_alias_the_role_and_where_the_report_goes(session: boto3.Session) -> None:
    jobs = Jobs(session)
    assert main(["staging", "--create", "--options", "format=webp size=hd crop_margin='10% 5%'"], session) == 0
    (made,) = jobs.made
    assert made["Operation"]["LambdaInvoke"] == {
        "FunctionArn": ALIAS,
        "InvocationSchemaVersion": "2.0",
        "UserArguments": {"format": "webp", "size": "hd", "crop_margin": "10% 5%"},
    }
    assert (made["AccountId"], made["RoleArn"]) == ("123456789012", ROLE)
    assert made["Report"]["Bucket"] == "arn:aws:s3:::results"
    assert made["Report"]["Prefix"].startswith("batch-jobs/")


def test_the_manifest_lies_where_the_request_says(session: boto3.Session) -> None:
    jobs = Jobs(session)
    assert main(["staging", "--create"], session) == 0
    location = jobs.made[0]["Manifest"]["Location"]
    found = session.client("s3", region_name=REGION).get_object(
        Bucket="results", Key=location["ObjectArn"].removeprefix("arn:aws:s3:::results/")
    )
    assert found["ETag"].strip('"') == location["ETag"]
    assert found["Body"].read().decode().splitlines() == [
        "uploads,a.jpg",
        "uploads,b%2C%20%22c%22%0A.png",
        "uploads,sub/%E7%94%BB%E5%83%8F%201.heic",
    ]
    assert found["ServerSideEncryption"] == "AES256"  # whatever the bucket's own is: no manifest may be under a KMS key


def test_a_versioned_bucket_has_its_manifest_named_by_version(session: boto3.Session) -> None:
    s3 = session.client("s3", region_name=REGION)
    s3.put_bucket_versioning(Bucket="results", VersioningConfiguration={"Status": "Enabled"})
    jobs = Jobs(session)
    assert main(["staging", "--create"], session) == 0
    location = jobs.made[0]["Manifest"]["Location"]
    key = location["ObjectArn"].removeprefix("arn:aws:s3:::results/")
    assert s3.head_object(Bucket="results", Key=key)["VersionId"] == location["ObjectVersionId"]


def test_the_role_reaches_the_manifest_and_the_report(session: boto3.Session) -> None:
    jobs = Jobs(session)
    assert main(["staging", "--create"], session) == 0
    (made,) = jobs.made
    (policy,) = stack().of_type("IAM::Role")["BatchRole"]["Policies"]
    (statement,) = [it for it in policy["PolicyDocument"]["Statement"] if "s3:PutObject" in it["Action"]]
    reach = statement["Resource"]["Fn::Sub"].replace("${OutputBucket}", "results").removesuffix("*")
    assert made["Manifest"]["Location"]["ObjectArn"].startswith(reach)
    assert f"{made['Report']['Bucket']}/{made['Report']['Prefix']}/".startswith(reach)


def test_only_keys_of_the_prefix_are_taken(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    Jobs(session)
    assert main(["staging", "--prefix", "sub/"], session) == 0
    assert "pictures     1\n" in capsys.readouterr().out


def test_the_same_work_is_one_job(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    jobs = Jobs(session)
    assert main(["staging", "--create"], session) == 0
    jobs.when = {token: when - datetime.timedelta(hours=3) for token, when in jobs.when.items()}
    capsys.readouterr()
    assert main(["staging", "--create"], session) == 0
    assert len(jobs.made) == 1
    assert "already, and is New" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["again", "options", "another picture"])
def test_other_work_is_another_job(session: boto3.Session, change: str) -> None:
    jobs = Jobs(session)
    assert main(["staging", "--create"], session) == 0
    more = {"again": ["--again"], "options": ["--options", "size=hd"], "another picture": []}[change]
    if change == "another picture":
        session.client("s3", region_name=REGION).put_object(Bucket="uploads", Key="d.jpg", Body=b"picture")
    assert main(["staging", "--create", *more], session) == 0
    assert len({made["ClientRequestToken"] for made in jobs.made}) == 2
    assert len({made["Manifest"]["Location"]["ObjectArn"] for made in jobs.made}) == 2


def test_reserved_environments_are_those_that_work(
    session: boto3.Session, limits: Limits, capsys: pytest.CaptureFixture[str]
) -> None:
    limits.account, limits.reserved = 990, 2
    Jobs(session)
    assert main(["staging"], session) == 0
    assert "with 2 environments at once" in capsys.readouterr().out


def test_seconds_of_ones_own_stack_are_taken(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    Jobs(session)
    assert main(["staging", "--seconds", "2.5"], session) == 0
    said = capsys.readouterr().out
    assert "seconds      2.50 each, 8 in all" in said
    assert "Measured on: your own stack" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["holiday"], "samconfig.toml has no [holiday]"),
        (["staging", "--bucket", "archive"], "reads the uploads of uploads alone"),
        (["staging", "--prefix", "nothing/"], "s3://uploads/nothing/ holds no picture"),
        (["staging", "--options", "webp"], "OPTIONS has 'webp'; name=value is needed"),
        (["staging", "--options", "size=hd size=4k"], "names size twice"),
        (["staging", "--options", "colour=red"], "'colour' is not known here"),
        (["staging", "--options", "size=enormous"], "size"),
        (["staging", "--options", "format=auto"], "format='auto' makes no sense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_said_before_anything_is_made(
    session: boto3.Session, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    jobs = Jobs(session)
    assert main([*arguments, "--create"], session) == 1
    refusal = capsys.readouterr().err
    assert refusal.startswith("No job was made: ")
    assert said in refusal
    assert jobs.made == []
    assert "Contents" not in session.client("s3", region_name=REGION).list_objects_v2(Bucket="results")


def test_more_options_than_s3_hands_on_are_refused(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "size=hd max_side=1024 format=png channels=rgba semitransparency=true roi=0+0+9px+9px crop=true "
        "crop_margin=0 aspect_ratio=1:1 scale=original position=center add_shadow=false shadow_type=none "
        "shadow_opacity=50 bg_color=fff"
    )
    given = dict(option.split("=") for option in options.split())
    assert set(given) == set(NAMES)
    asked_by_arguments({**given, "roi": "0 0 9px 9px"}, settings_of(PARAMETERS))  # each makes sense
    assert main(["staging", "--options", options], session) == 1
    assert f"S3 hands on {MAX_ARGUMENTS} at most" in capsys.readouterr().err


def test_what_aws_refuses_is_said(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    answer(session, "s3-control.CreateJob", refusing("AccessDeniedException", "CreateJob"))
    assert main(["staging", "--create"], session) == 1
    assert "AWS refused or was not reached: An error occurred (AccessDeniedException)" in capsys.readouterr().err


def test_a_function_that_may_not_run_gets_no_job(
    session: boto3.Session, limits: Limits, capsys: pytest.CaptureFixture[str]
) -> None:
    limits.reserved = 0
    assert main(["staging", "--create"], session) == 1
    assert "may run no environment" in capsys.readouterr().err


def test_the_template_has_what_the_command_asks_of_a_stack() -> None:
    assert set(PARAMETERS) <= set(template()["Parameters"])
    assert {"InputBucketName", "OutputBucketName", "BatchRoleArn", "AliasArn"} <= set(stack().outputs)
