#!/usr/bin/env bash
# Let a bucket of yours notify the function, beside what it notifies already: deploy/connect-bucket.sh BUCKET ALIAS-ARN
set -euo pipefail
bucket=${1:?usage: connect-bucket.sh BUCKET ALIAS-ARN} alias=${2:?usage: connect-bucket.sh BUCKET ALIAS-ARN}
# S3 knows no way to add one: the whole configuration is read, extended and put back.
configuration=$(aws s3api get-bucket-notification-configuration --bucket "$bucket" --output json)
configuration=$(python3 - "$alias" "${configuration:-{\}}" <<'PYTHON'
import json
import sys

alias, configuration = sys.argv[1], json.loads(sys.argv[2])
ours = {"Id": "background-removal", "LambdaFunctionArn": alias, "Events": ["s3:ObjectCreated:*"]}
others = [it for it in configuration.get("LambdaFunctionConfigurations", []) if it.get("Id") != ours["Id"]]
print(json.dumps({**configuration, "LambdaFunctionConfigurations": [*others, ours]}))
PYTHON
)
aws s3api put-bucket-notification-configuration --bucket "$bucket" --notification-configuration "$configuration"
echo "$bucket notifies $alias"
