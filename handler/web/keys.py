"""API keys: who may have pictures cut out. Only hashes are kept, and a revoked key stops working within minutes.

Enters: a request's headers. Leaves: nothing, or Unauthorized. Without keys the gateway in front decides alone.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Protocol

from handler.errors import AccessDenied, ConfigurationError, DependencyError, Unauthorized
from handler.settings import given_hash, hash_of
from handler.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handler.settings import Settings

# A key that was taken out of the secret opens nothing after this time; each environment asks anew.
SECRET_LIFETIME_S = 300


class KeyRing(Protocol):
    """Where keys are looked up."""

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise Unauthorized unless the headers carry a known key."""


def key_ring(settings: Settings) -> KeyRing:
    """Give the keys that the settings ask for: the secret's, else those of API_KEYS, else none."""
    if settings.api_keys_secret_arn is not None:
        return SecretKeys(settings.api_keys_secret_arn)
    return GivenKeys(settings.api_key_hashes)


class GivenKeys:
    """Keys that the environment names, or none."""

    def __init__(self, hashes: frozenset[str] | None) -> None:
        self._hashes = hashes

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise Unauthorized unless the headers carry a known key, or none is asked for."""
        if self._hashes is not None:
            _check(headers, self._hashes)


class SecretKeys:
    """Keys whose hashes a secret of AWS Secrets Manager holds."""

    def __init__(self, arn: str) -> None:
        from aws_lambda_powertools.utilities.parameters import SecretsProvider  # noqa: PLC0415 - brings boto3: 200 ms
        from botocore.config import Config  # noqa: PLC0415

        self._arn = arn
        retries = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
        self._secrets = SecretsProvider(boto_config=retries)

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise Unauthorized unless the headers carry a key whose hash the secret holds.

        Raises AccessDenied, DependencyError or ConfigurationError where the secret cannot be read or holds no hash:
        with no key to compare, nobody may pass.
        """
        _check(headers, self._hashes())

    def _hashes(self) -> frozenset[str]:
        from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415 - see above

        try:
            text = self._secrets.get(self._arn, max_age=SECRET_LIFETIME_S)
        except GetParameterError as error:
            if "AccessDenied" in str(error):
                raise AccessDenied(
                    "The function's role needs secretsmanager:GetSecretValue on the keys' secret and, where that is "
                    "encrypted with a key of yours, kms:Decrypt on it (the parameter ApiKeysKmsKeyArn)."
                ) from error
            raise DependencyError("The secret with the API keys could not be read; try again.") from error
        entries = [entry for entry in re.split(r"[,\s]+", text) if entry] if isinstance(text, str) else []
        hashes = frozenset(found for entry in entries if (found := given_hash(entry)) is not None)
        unusable = sum(given_hash(entry) is None for entry in entries)
        if unusable:
            logger.warning("the secret with the API keys holds entries that are no hashes", extra={"entries": unusable})
        if not hashes:
            raise ConfigurationError(
                "The secret with the API keys holds no usable entry: give one sha256:<64 hexadecimal digits> for each."
            )
        return hashes


def _check(headers: Mapping[str, str], hashes: frozenset[str]) -> None:
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not given:
        raise Unauthorized("Send your API key in the header X-Api-Key.", missing=True)
    found = hash_of(given)
    if not any([hmac.compare_digest(found, known) for known in hashes]):  # noqa: C419 - all, for constant time
        raise Unauthorized("The API key is not known here.")
