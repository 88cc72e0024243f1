"""Every failure the function can name, in one drawn tree. A leaf: it imports nothing of ours.

    CutoutError                      anything below; carries status, code, title, and the sentence
    ├── CallerError            4xx   the input is at fault: never retried
    │   ├── UnknownEvent             no trigger knows the event
    │   ├── MalformedEvent           a trigger knows it, but a field is missing or of the wrong type
    │   ├── Unauthorized             403: no API key, or a wrong one
    │   ├── RouteNotFound            404: there is nothing at the request's path
    │   ├── MethodNotAllowed         405: the path does not take the request's method
    │   ├── BodyTooSlow              408: a plain web server waited too long for the next bytes of a request
    │   ├── TooManyRequests          429: a plain web server has no place for another request
    │   ├── InvalidParameter         a request's parameter makes no sense: code "invalid_<name>"
    │   ├── MissingSource, MultipleSources, MultipleBackgrounds    the contract's words for no picture, and for two
    │   ├── Several                  more than one parameter is wrong: each has its entry in the document
    │   ├── RoiExceedsBounds, RoiRegionEmpty    the region of interest is not of this picture, or has no pixel
    │   ├── NotOffered               an endpoint of the contract that exists here to say no
    │   ├── Unfetchable              a URL that is not fetched, or whose server did not give the picture
    │   │   └── FailedImageDownload, FailedBackgroundDownload    the contract's words for it, by what the URL is for
    │   ├── InvalidFileType          not a picture, or of a format that is not taken
    │   ├── UnreadableImage          a picture whose data is broken
    │   ├── FileTooLarge             more bytes than MAX_INPUT_BYTES
    │   ├── ResolutionTooHigh        more pixels than MAX_INPUT_MEGAPIXELS
    │   ├── InvalidDimensions        the result's format cannot hold the picture's size
    │   ├── UnknownForeground        nothing was found to cut out
    │   ├── ResultTooLarge           the answer would not fit the caller's transport
    │   ├── ObjectNotFound           S3 says there is no such object, version or bucket
    │   ├── ObjectForbidden          S3 gives other objects of the bucket and refuses this one
    │   ├── InvalidKey               the result's key would be longer than S3 allows
    │   ├── TargetTaken              409: what stands at the result's place is not this object's to replace
    │   └── ForeignMessage           what a queue or topic brought is no notification of S3: for its dead letters
    ├── ServiceError           5xx   the surroundings are at fault: raised to the platform, which retries
    │   ├── DependencyError          S3 throttled, timed out or broke
    │   ├── AccessDenied             S3 refuses the function's role: an operator has to act, the upload must wait for it
    │   ├── OutOfMemory              503: the memory did not suffice for a picture within the limits
    │   ├── TimeTooShort             503: the time left would not suffice; Retry-After says when to come back
    │   ├── ChangedMeanwhile         503: an object was replaced between two looks at it
    │   └── Redelivery               raised out of the handler so that the platform delivers the whole event again
    ├── ModelError             500   the model cannot be loaded, or its inference failed
    ├── ConfigurationError     500   a setting makes no sense: names the variable, the value and what would do
    └── Unforeseen             500   stands in for an exception nobody foresaw: the log has its traceback
    Skip                             no failure: there is nothing to do for a picture, with the reason

`code` and `title` of a request's errors are those of the remove.bg contract where it has one, since its clients read
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class CutoutError(Exception):
    """A failure with a name. `str(error)` is the one sentence that a caller may read."""

    status: ClassVar[int] = 500
    code: str = "internal_error"
    title: str = "Internal error"
    retriable: ClassVar[bool] = False
    headers: dict[str, str]

    def __init__(self, sentence: str) -> None:
        super().__init__(printable(sentence))
        self.headers = {}


class CallerError(CutoutError):
    """The input is at fault; the same input would fail again."""

    status = 400
    code = "invalid_request"
    title = "Invalid request"


class UnknownEvent(CallerError):
    """No trigger knows the event."""

    code = "unknown_event"
    title = "Unknown event"


class MalformedEvent(CallerError):
    """An event of a known kind lacks a field, or holds one of the wrong type."""

    code = "malformed_event"
    title = "Malformed event"


class Unauthorized(CallerError):
    """The request carries no API key, or one that is not known."""

    status = 403
    code = "auth_failed"
    title = "API Key invalid"

    def __init__(self, sentence: str, *, missing: bool = False) -> None:
        super().__init__(sentence)
        self.is_missing = missing
        if missing:
            self.title = "Missing API Key"


class RouteNotFound(CallerError):
    """There is nothing at the request's path."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(CallerError):
    """The path does not take the request's method."""

    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"


class BodyTooSlow(CallerError):
    """The body stopped coming."""

    status = 408
    code = "request_timeout"
    title = "Request timeout"


class TooManyRequests(CallerError):
    """As many requests are being worked on or wait as may."""

    status = 429
    code = "rate_limit_exceeded"
    title = "API rate limit exceeded"

    def __init__(self, sentence: str, *, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.headers = {"Retry-After": str(retry_after_s)}


class InvalidParameter(CallerError):
    """A parameter's value makes no sense, or asks for what this endpoint does not do.

    `name` is one of the contract's parameters, never a text of the caller's: it becomes part of the code.
    """

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = f"invalid_{name}"
        self.title = f"Invalid {name} parameter given"


class MissingSource(CallerError):
    """The request holds no picture."""

    code = "missing_source"
    title = "No image given"


class MultipleSources(CallerError):
    """The request holds more than one picture."""

    code = "multiple_sources"
    title = "Multiple image sources given"


class MultipleBackgrounds(CallerError):
    """The request names more than one background."""

    code = "multiple_bg_sources"
    title = "Multiple background sources given"


class Several(CallerError):
    """More than one thing is wrong with a request."""

    def __init__(self, errors: Sequence[CallerError]) -> None:
        super().__init__(" ".join(str(error) for error in errors))
        self.errors = tuple(errors)
        self.code, self.title = errors[0].code, errors[0].title

    @classmethod
    def raise_any(cls, errors: Sequence[CallerError]) -> None:
        """Raise what is wrong, if anything is: one error as itself."""
        if errors:
            raise errors[0] if len(errors) == 1 else cls(errors)


class RoiExceedsBounds(CallerError):
    """The region of interest reaches beyond the picture."""

    code = "roi_exceeds_bounds"
    title = "ROI exceeds image bounds"


class RoiRegionEmpty(CallerError):
    """The region of interest holds no pixel."""

    code = "roi_region_empty"
    title = "ROI region is empty"


class NotOffered(CallerError):
    """The contract has it, and this service has nothing behind it."""

    code = "not_offered"
    title = "Not offered here"


class Unfetchable(CallerError):
    """A URL is not fetched, or its server did not give the picture."""

    code = "failed_image_download"
    title = "Failed to download image"


class FailedImageDownload(Unfetchable):
    """The picture could not be fetched."""


class FailedBackgroundDownload(Unfetchable):
    """The background could not be fetched."""

    code = "failed_bg_download"
    title = "Failed to download background image"


class InvalidFileType(CallerError):
    """The bytes are no picture, or of a format that is not taken."""

    code = "invalid_file_type"
    title = "Invalid file type"


class UnreadableImage(CallerError):
    """The format is known and the data is broken."""

    code = "failed_to_read_image"
    title = "There was an error reading the image."


class FileTooLarge(CallerError):
    """More bytes than the limit."""

    code = "file_too_large"
    title = "File too large"


class ResolutionTooHigh(CallerError):
    """More pixels than the limit."""

    code = "resolution_too_high"
    title = "Image resolution too high"


class InvalidDimensions(CallerError):
    """The result's format cannot hold a picture of this size."""

    code = "invalid_dimensions"
    title = "Image dimensions invalid"


class UnknownForeground(CallerError):
    """Nothing in the picture stands out."""

    code = "unknown_foreground"
    title = "Could not identify foreground in image."


class ResultTooLarge(CallerError):
    """The answer would exceed what its transport carries."""

    code = "result_too_large"
    title = "Result too large"


class ObjectNotFound(CallerError):
    """S3 knows no such object, version or bucket."""

    status = 404
    code = "object_not_found"
    title = "Object not found"


class ObjectForbidden(CallerError):
    """S3 gives other objects of the bucket and refuses this one: waiting mends no other object's access."""

    status = 403
    code = "object_forbidden"
    title = "Object forbidden"


class InvalidKey(CallerError):
    """The result's key would not be accepted by S3."""

    code = "invalid_key"
    title = "Key too long"


class TargetTaken(CallerError):
    """What stands at the result's place was not made from this object, and is not this function's to replace."""

    status = 409
    code = "target_taken"
    title = "The result's place is taken"


class ForeignMessage(CallerError):
    """What a queue or topic brought is no notification of S3. Its sender gets it back, for the dead letters."""

    code = "foreign_message"
    title = "Not a notification of S3"


class ServiceError(CutoutError):
    """The surroundings are at fault; the same input may succeed later."""

    status = 502
    code = "dependency_failed"
    title = "A service this one depends on failed"
    retriable = True


class DependencyError(ServiceError):
    """S3, or the way to it, failed."""


class AccessDenied(ServiceError):
    """The function's role may not do what the job needs.

    Retriable on purpose: the upload is fine, and once the policy is mended a redelivery cuts it out.
    """

    code = "access_denied"
    title = "Access denied"


class OutOfMemory(ServiceError):
    """The memory did not suffice for a picture within the limits. Another environment may have more to spare."""

    status = 503
    code = "out_of_memory"
    title = "Out of memory"


class TimeTooShort(ServiceError):
    """The invocation would time out before the job is done."""

    status = 503
    code = "time_too_short"
    title = "Not enough time left"

    def __init__(self, sentence: str, *, retry_after_s: int = 1) -> None:
        super().__init__(sentence)
        self.headers = {"Retry-After": str(retry_after_s)}


class ChangedMeanwhile(ServiceError):
    """An object was replaced or removed between two looks at it."""

    status = 503
    code = "changed_meanwhile"
    title = "Changed meanwhile"


class Redelivery(ServiceError):
    """The platform is to deliver the event again."""

    code = "redelivery"
    title = "To be delivered again"


class ModelError(CutoutError):
    """The model cannot be loaded, or an inference failed."""

    code = "model_failed"
    title = "The model failed"
    retriable = True


class ConfigurationError(CutoutError):
    """A setting makes no sense. Retriable: the upload waits in its queue until the setting is mended."""

    code = "configuration_error"
    title = "The function is not configured correctly"
    retriable = True


class Unforeseen(CutoutError):
    """Stands in for an exception nobody foresaw. Retriable: nobody knows that it would fail again."""

    retriable = True

    def __init__(self, request_id: str) -> None:
        super().__init__(f"An unexpected error occurred; quote request {request_id} to whoever runs this service.")


class Skip(Exception):
    """Leave this picture alone: `str(skip)` says why. Reported, never retried."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason))


def printable(text: str) -> str:
    """Write out half a surrogate pair, which JSON can bring in a caller's text and no answer can be encoded with."""
    return text.encode("utf-8", "backslashreplace").decode()


def error_document(error: CutoutError) -> dict[str, list[dict[str, str]]]:
    """Give the body that remove.bg's clients expect of a failure."""
    errors = error.errors if isinstance(error, Several) else (error,)
    return {"errors": [{"title": one.title, "code": one.code, "detail": str(one)} for one in errors]}
