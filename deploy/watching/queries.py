"""Every saved query, with the names that handler/telemetry.py gives to the fields of its lines."""

from __future__ import annotations

from deploy.watching.shapes import Query
from handler import telemetry


def field(message: str, name: str) -> str:
    """Give a field's name as lines of this message have it. Raises KeyError for one that they have not."""
    if name not in telemetry.LINES[message]:
        raise KeyError(f"handler/telemetry.py names no field {name!r} of a line {message!r}")
    return name


def fields(message: str, *names: str) -> str:
    """Give several."""
    return ", ".join(field(message, name) for name in names)


def outcome(name: str) -> str:
    """Filter pictures by their outcome. Raises KeyError for one that there is not."""
    if name not in telemetry.PICTURES:
        raise KeyError(f"handler/telemetry.py has no outcome {name!r}")
    return f'{field("picture", "outcome")} = "{name}"'


QUERIES = (
    Query(
        "WarmUpsThatFailedQuery",
        "warm-ups that failed",
        "fields @timestamp, "
        f"{fields('warm-up', 'status_code', 'detail', 'model_ready', 'cold_start', 'total_time_s')}\n"
        f'| filter message = "warm-up" and {field("warm-up", "status_code")} != 200\n'
        "| sort @timestamp desc\n"
        "| limit 100\n",
    ),
    Query(
        "FailuresQuery",
        "failures",
        "fields @timestamp, level, message, "
        f"{fields('picture', 'code', 'reason', 'trigger', 'picture', 'request_id')}\n"
        '| filter level in ["ERROR", "CRITICAL"] or type = "platform.runtimeDone" and record.status != "success"\n'
        "| sort @timestamp desc\n"
        "| limit 100\n",
    ),
    Query(
        "RefusalsQuery",
        "why pictures were refused",
        f"filter {outcome('refused')}\n"
        f"| stats count(*) as pictures by {fields('picture', 'code', 'trigger')}\n"
        "| sort pictures desc\n",
    ),
    Query(
        "OutcomesByTriggerQuery",
        "pictures by trigger and outcome",
        'filter message = "picture"\n'
        f"| stats count(*) as pictures by {fields('picture', 'trigger', 'outcome')}, bin(1h)\n",
    ),
    Query(
        "SlowestPicturesQuery",
        "slowest pictures",
        f'filter message = "picture" and {outcome("cut_out")}\n'
        "| fields @timestamp, "
        f"{fields('picture', *(f'{stage}_ms' for stage in telemetry.STAGES_MS))}, "
        f"{fields('picture', 'width_px', 'height_px', 'model', 'trigger', 'request_id')}\n"
        f"| sort {field('picture', 'predict_ms')} desc\n"
        "| limit 50\n",
    ),
    Query(
        "ColdStartsQuery",
        "cold starts and memory",
        'filter type = "platform.report"\n'
        "| stats count(*) as invocations, sum(ispresent(record.metrics.initDurationMs)) as cold_starts, "
        "max(record.metrics.initDurationMs) as slowest_init_ms, "
        "max(record.metrics.maxMemoryUsedMB) as most_memory_mb by bin(1h)\n",
    ),
    Query(
        "OnePictureQuery",
        "everything about one request",
        f'filter {field("picture", "request_id")} = "put the request id here" '
        'or record.requestId = "put the request id here"\n'
        f"| fields @timestamp, level, message, {fields('picture', 'outcome', 'code', 'reason')}\n"
        "| sort @timestamp asc\n",
    ),
)
