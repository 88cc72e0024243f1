"""How each upload of a soak has ended, read from the buckets and queues alone, and what is wrong with that."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from tests.soak.uploads import End, Upload, same_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.s3 import LocalS3

RESULT, REPORT = ".png", ".error.json"


@dataclass
class Verdict:
    """What was found, and a sentence for each thing that is wrong."""

    ends: Counter[End] = field(default_factory=Counter)
    written: int = 0  # versions in the output bucket
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Version:
    """Something that the function has written, be it replaced or removed by now."""

    key: str
    etag: str  # of the upload that it was made from
    latest: bool
    data: bytes = field(repr=False)


def judge(uploads: Sequence[Upload], store: LocalS3, output: str, bodies: Sequence[str]) -> Verdict:
    """Look for each upload's result, report and message; `bodies` are the messages that are left.

    Right is: one correct result, or one report, or a message, as the kind of the upload wants it, and nothing that was
    written twice about the same bytes.
    """
    verdict = Verdict()
    versions = _versions(store, output)
    verdict.written = sum(len(of_one) for of_one in versions.values())
    waiting = Counter(_folder(unquote_plus(body)) for body in bodies)
    for upload in uploads:
        folder = upload.key[:5]
        mine = versions.pop(folder, [])
        twice = [what for what, count in Counter((one.key[-8:], one.etag) for one in mine).items() if count > 1]
        ends: set[End] = {"report" if one.key.endswith(REPORT) else "result" for one in mine if one.latest}
        if waiting.pop(folder, 0):
            ends.add("message")
        about = f"{upload.key[:40]} ({upload.kind})"
        if not ends:
            verdict.wrong.append(f"{about} is LOST: no result, no report, no message")
        elif ends != {upload.end}:
            verdict.wrong.append(f"{about} has to end as a {upload.end} and is found as {', '.join(sorted(ends))}")
        if twice:
            verdict.wrong.append(f"{about} was written TWICE: {twice}")
        for one in mine:
            if one.latest and not _is_right(one, upload):
                verdict.wrong.append(f"{about} has a WRONG file: {one.key[:60]}, {len(one.data)} bytes")
        verdict.ends.update(ends)
    verdict.wrong += [f"{what} belongs to no upload" for what in [*versions, *waiting]]
    return verdict


def _is_right(version: Version, upload: Upload) -> bool:
    """Whether a file is what the upload's bytes lead to."""
    if version.key.endswith(REPORT):
        document = json.loads(version.data)
        return bool(document["source"]["key"] == upload.key and document["error"]["detail"])
    return upload.cutout is not None and same_pixels(version.data, upload.cutout)


def _versions(store: LocalS3, bucket: str) -> dict[str, list[Version]]:
    """Read everything that was ever written, by the upload's folder."""
    found: dict[str, list[Version]] = defaultdict(list)
    for page in store.client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in page.get("Versions", []):
            stored = store.client.get_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])
            etag = stored["Metadata"].get("cutout-of-etag", "")
            version = Version(entry["Key"], etag, entry["IsLatest"], stored["Body"].read())
            found[_folder(entry["Key"])].append(version)
    return found


def _folder(text: str) -> str:
    found = re.search(r"\b(\d{5})/", text)
    return found[1] if found else text[:200]
