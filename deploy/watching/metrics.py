"""The metrics that are watched: the function's own by their names in handler/telemetry.py, and AWS's."""

from __future__ import annotations

from deploy.watching.shapes import Metric
from handler import telemetry

OURS = (("service", telemetry.SERVICE), (telemetry.FUNCTION_DIMENSION, "${AWS::StackName}"))
ALIAS = (("FunctionName", "${AWS::StackName}"), ("Resource", "${AWS::StackName}:live"))
API = (("ApiId", "${Api}"),)


def ours(name: str) -> Metric:
    """Give a metric that the function emits."""
    return Metric(telemetry.NAMESPACE, name, OURS)


WARMED, PARTIAL, NOT_READY = (ours(telemetry.WARMUPS[code]) for code in (200, 206, 500))
CUT_OUT, REFUSED, FAILED, SKIPPED = (
    ours(telemetry.PICTURES[name]) for name in ("cut_out", "refused", "failed", "skipped")
)
LOAD = ours(telemetry.MODEL_LOAD_MS)
ERRORS, THROTTLES, INVOCATIONS, DURATION = (
    Metric("AWS/Lambda", name, ALIAS) for name in ("Errors", "Throttles", "Invocations", "Duration")
)
DEAD_LETTERS = Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", "${DeadLetters.QueueName}"),))
# The name is the dashboard's, which is there without the queue, too.
WAITING, IN_WORK, OLDEST = (
    Metric("AWS/SQS", name, (("QueueName", "${UploadQueueName}"),))
    for name in (
        "ApproximateNumberOfMessagesVisible",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateAgeOfOldestMessage",
    )
)
OLDEST_OF_THE_QUEUE = Metric("AWS/SQS", OLDEST.name, (("QueueName", "${UploadQueue.QueueName}"),))
# Lambda has no metric of the memory used, so a metric filter reads it out of Lambda's own report in the log. A filter's
# dimensions are fields of the line, which does not name the function; so the function's name is in the metric's.
# https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
MEMORY_USED = Metric(f"{telemetry.NAMESPACE}/Platform", "${AWS::StackName}-MemoryUsedMb")
MEMORY_USED_FIELD = "$.record.metrics.maxMemoryUsedMB"
GATEWAY_ERRORS, GATEWAY_LATENCY = (Metric("AWS/ApiGateway", name, API) for name in ("5xx", "IntegrationLatency"))
STAGES = {stage: ours(name) for stage, name in telemetry.STAGES_MS.items()}
COLD_STARTS = ours(telemetry.COLD_START)
