"""redrive: the dead letters are on their way again, or where they were, and the command says which."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws
from moto.sqs.models import sqs_backends

from deploy import redrive
from local import events
from tests.deploy.aws import REGION, Invocations, MoveTasks, answer, fresh_session, make_queue, make_stack, refusing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

UPLOADS = [events.upload("photos", f"{number}.png") for number in range(12)]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    monkeypatch.setattr(redrive, "PAUSE_S", 0.0)
    monkeypatch.setattr(redrive, "WAIT_S", 0)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with mock_aws():
        yield fresh_session()


@pytest.fixture
def with_queue(session: boto3.Session) -> boto3.Session:
    make_stack(session, {"UploadQueueUrl": make_queue(session, "UploadQueue")}, {"Uploads": "queue"})
    return session


@pytest.fixture
def direct(session: boto3.Session) -> boto3.Session:
    make_stack(session, {}, {"Uploads": "direct"})
    return session


def url(session: boto3.Session, name: str) -> str:
    (found,) = session.client("sqs", region_name=REGION).list_queues(
        QueueNamePrefix=f"inspyrenet-lambda-staging-{name}"
    )["QueueUrls"]
    return found


def put(session: boto3.Session, *bodies: Any, queue: str = "DeadLetters") -> None:
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        session.client("sqs", region_name=REGION).send_message(QueueUrl=url(session, queue), MessageBody=text)


def held(session: boto3.Session, queue: str) -> list[Any]:
    """Give what a queue holds, hidden messages too."""
    (found,) = [it for name, it in sqs_backends["123456789012"][REGION].queues.items() if f"-{queue}-" in name]
    return [json.loads(message.body) for message in found._messages]


def test_sqs_moves_the_dead_letters_to_the_queue_and_the_command_shows_it(
    with_queue: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = MoveTasks(with_queue)
    lambdas_own = events.failed_invocation(events.upload("photos", "earlier.png"))
    put(with_queue, *UPLOADS, lambdas_own)
    assert redrive.main(["staging", "--yes"], with_queue) == 0
    assert held(with_queue, "DeadLetters") == []
    assert held(with_queue, "UploadQueue") == [*UPLOADS, lambdas_own]
    (task,) = tasks.listed
    assert task["DestinationArn"].rpartition(":")[2] == url(with_queue, "UploadQueue").rpartition("/")[2]
    said = capsys.readouterr().out
    assert "About 13 messages go to arn:aws:sqs:" in said
    assert [line for line in said.splitlines() if "of about 13" in line][-1].startswith("13 of about 13")


def test_a_task_that_runs_is_not_started_twice(with_queue: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = MoveTasks(with_queue)
    put(with_queue, *UPLOADS[:3])
    arn = {name: _arn(with_queue, name) for name in ("DeadLetters", "UploadQueue")}
    with_queue.client("sqs", region_name=REGION).start_message_move_task(
        SourceArn=arn["DeadLetters"], DestinationArn=arn["UploadQueue"]
    )
    assert redrive.main(["staging", "--yes"], with_queue) == 75
    assert "a task runs already, 0 of about 3 messages are on their way" in capsys.readouterr().err
    assert len(tasks.listed) == 1


def _arn(session: boto3.Session, name: str) -> str:
    sqs = session.client("sqs", region_name=REGION)
    return sqs.get_queue_attributes(QueueUrl=url(session, name), AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_task_that_fails_says_why_and_what_is_left(
    with_queue: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    MoveTasks(with_queue, fails_after=2)
    put(with_queue, *UPLOADS[:5])
    assert redrive.main(["staging", "--yes"], with_queue) == 1
    said = capsys.readouterr().err
    assert "The task is FAILED: AccessDenied." in said
    assert "as before (3 messages)" in said
    assert len(held(with_queue, "DeadLetters") + held(with_queue, "UploadQueue")) == 5


def test_a_queue_can_be_gone_past(with_queue: boto3.Session) -> None:
    lambda_ = Invocations(with_queue)
    put(with_queue, *UPLOADS)
    assert redrive.main(["staging", "--yes", "--by-invoking"], with_queue) == 0
    assert lambda_.events == UPLOADS


@pytest.mark.parametrize("way", ["direct", "on"])
def test_without_a_queue_each_event_is_handed_to_the_alias(session: boto3.Session, way: str) -> None:
    make_stack(session, {}, {"Uploads": way})
    lambda_ = Invocations(session)
    put(session, *(events.failed_invocation(event) for event in UPLOADS))
    assert redrive.main(["staging", "--yes"], session) == 0
    assert lambda_.events == UPLOADS
    assert held(session, "DeadLetters") == []


def test_a_former_queues_messages_are_fetched(direct: boto3.Session) -> None:
    lambda_ = Invocations(direct)
    former = make_queue(direct, "UploadQueue")
    put(direct, *UPLOADS, queue="UploadQueue")
    assert redrive.main(["staging", "--yes", "--queue", former], direct) == 0
    assert lambda_.events == UPLOADS


def test_what_lambda_refuses_stays_among_the_dead_letters(
    direct: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    lambda_ = Invocations(direct, refuses=2)
    put(direct, *UPLOADS)
    assert redrive.main(["staging", "--yes"], direct) == 1
    assert "TooManyRequestsException" in capsys.readouterr().err
    assert lambda_.events + held(direct, "DeadLetters") == UPLOADS


def test_a_redrive_that_is_stopped_between_sending_and_deleting_loses_nothing(direct: boto3.Session) -> None:
    lambda_ = Invocations(direct)

    def stop(**_: Any) -> None:
        raise KeyboardInterrupt

    direct.events.register("before-call.sqs.DeleteMessage", stop)
    put(direct, *UPLOADS[:3])
    with pytest.raises(KeyboardInterrupt):
        redrive.main(["staging", "--yes"], direct)
    assert lambda_.events == UPLOADS[:1]  # once more, then; cutting it out twice does no harm
    assert held(direct, "DeadLetters") == UPLOADS[:3]


@pytest.mark.parametrize(
    "foreign",
    ["Hello", "[]", {"hello": 1}, events.failed_invocation({"warmup": True}), events.sqs(UPLOADS[0])],
    ids=["text", "list", "object", "ping", "batch"],
)
def test_what_is_no_upload_is_left_and_counted(
    direct: boto3.Session, capsys: pytest.CaptureFixture[str], foreign: Any
) -> None:
    lambda_ = Invocations(direct)
    put(direct, foreign, UPLOADS[0])
    assert redrive.main(["staging", "--yes"], direct) == 1
    assert lambda_.events == UPLOADS[:1]
    assert "1 messages are left" in capsys.readouterr().err


@pytest.mark.parametrize("fixture", ["with_queue", "direct"])
def test_nothing_to_send_is_said(
    fixture: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    session: boto3.Session = request.getfixturevalue(fixture)
    tasks = MoveTasks(session)
    assert redrive.main(["staging", "--yes"], session) == 1
    assert "Nothing was sent: there are no messages." in capsys.readouterr().err
    assert tasks.listed == []


def test_an_environment_that_is_not_there_is_named(session: boto3.Session, capsys: pytest.CaptureFixture[str]) -> None:
    assert redrive.main(["holiday"], session) == 1
    assert "samconfig.toml has no [holiday]; it has staging, production." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [("ValidationError", "There is no stack inspyrenet-lambda-staging in us-east-1"), ("AccessDenied", "AccessDenied")],
)
def test_a_stack_that_is_not_there_is_told_from_one_that_may_not_be_seen(
    session: boto3.Session, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    answer(session, "cloudformation.DescribeStacks", refusing(code, "DescribeStacks"))
    assert redrive.main(["staging"], session) == 1
    assert said in capsys.readouterr().err


def test_a_stack_without_uploads_has_nobody_to_send_to(
    session: boto3.Session, capsys: pytest.CaptureFixture[str]
) -> None:
    make_stack(session, {}, {"Uploads": "off"})
    assert redrive.main(["staging", "--yes"], session) == 1
    assert "Uploads=off: nothing would take the messages" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "status", "said"),
    [(Terminal("y\n"), 0, ""), (Terminal("\n"), 1, "it was not wanted"), (io.StringIO("y\n"), 1, "YES=1 asks nothing")],
    ids=["yes", "no", "nobody"],
)
def test_it_is_asked_before_anything_is_sent(  # noqa: PLR0917 - fixtures
    with_queue: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stdin: io.StringIO,
    status: int,
    said: str,
) -> None:
    tasks = MoveTasks(with_queue)
    put(with_queue, *UPLOADS[:2])
    monkeypatch.setattr("sys.stdin", stdin)
    assert redrive.main(["staging"], with_queue) == status
    assert said in capsys.readouterr().err
    assert len(tasks.listed) == (status == 0)
