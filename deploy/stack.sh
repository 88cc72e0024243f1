# shellcheck shell=bash
# Sourced: what samconfig.toml says of an environment, as STACK, PARAMETERS, MODEL, ARCHITECTURE and AWS_REGION.
eval "$(python3 - "${1:?which environment}" <<'PYTHON'
import pathlib
import shlex
import sys
import tomllib

known = tomllib.loads(pathlib.Path("samconfig.toml").read_text(encoding="utf-8"))
if sys.argv[1] not in known:
    sys.exit(f"samconfig.toml has no [{sys.argv[1]}]")
said = known[sys.argv[1]]["deploy"]["parameters"]
parameters = dict(pair.split("=", 1) for pair in said["parameter_overrides"].split())
values = {
    "STACK": said["stack_name"],
    "PARAMETERS": said["parameter_overrides"],
    "MODEL": parameters["Model"],
    "ARCHITECTURE": parameters["Architecture"],
    "AWS_REGION": said["region"],
}
print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items()))
PYTHON
)"
: "${STACK:?}" "${PARAMETERS:?}" "${MODEL:?}" "${ARCHITECTURE:?}" "${AWS_REGION:?}"
