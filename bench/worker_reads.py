"""One start that tells what it has opened and mapped until a point: ready, picture (a first one) or s3 (a client, too).

Arguments: a file with an event, the point. Its last line is JSON. The hook comes before anything is imported.
"""

from __future__ import annotations

import sys

opened: set[str] = set()
listed: set[str] = set()


def note(event: str, arguments: tuple[object, ...]) -> None:
    """Remember files and folders: https://docs.python.org/3/library/audit_events.html."""
    if event == "open" and isinstance(arguments[0], str):
        opened.add(arguments[0])
    elif event in {"os.listdir", "os.scandir"} and isinstance(arguments[0], str):
        listed.add(arguments[0])


opened.update(
    spec.cached
    for module in list(sys.modules.values())
    if (spec := getattr(module, "__spec__", None)) is not None and spec.has_location and spec.cached
)
sys.addaudithook(note)


def mapped() -> dict[str, int]:
    """Give the bytes that this process has touched of each file that it maps."""
    touched: dict[str, int] = {}
    path = ""
    with open("/proc/self/smaps", encoding="utf-8") as lines:  # noqa: PTH123 - pathlib would be one import more
        for line in lines:
            head = line.split(maxsplit=5)
            if "-" in head[0] and not head[0].endswith(":"):
                path = head[5].strip() if len(head) == 6 and head[5].startswith("/") else ""
            elif path and head[0] == "Rss:":
                touched[path] = touched.get(path, 0) + int(head[1]) * 1024
    return touched


def report() -> str:
    """Say what there is until now, as JSON."""
    with open("/proc/self/io", encoding="ascii") as lines:  # noqa: PTH123 - as above
        calls = dict(line.split(": ") for line in lines)
    files, folders, held = sorted(opened), sorted(listed), mapped()
    import json  # noqa: PLC0415 - Python may not have it yet

    return json.dumps({"opened": files, "listed": folders, "mapped": held, "reads": int(calls["syscr"])})


def main() -> None:
    """Start as Lambda does; then, unless the point comes before, answer a request and make a client of S3."""
    event_path, point = sys.argv[1:]
    from handler import app  # noqa: PLC0415 - what is measured

    app.environment.pipeline.model.load()
    if point != "ready":
        import json  # noqa: PLC0415 - Python has it by now

        with open(event_path, "rb") as file:  # noqa: PTH123 - as above
            event = json.load(file)
        answer = app.lambda_handler(event, None)
        assert isinstance(answer, dict), answer  # noqa: S101 - a bench that measured failures would be a lie
        assert answer["statusCode"] == 200, answer  # noqa: S101 - as above
    if point == "s3":
        from handler.storage.s3 import make_client  # noqa: PLC0415 - what is measured

        make_client()
    sys.stdout.write(report() + "\n")


if __name__ == "__main__":
    main()
