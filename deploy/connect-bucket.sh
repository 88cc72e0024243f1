#!/usr/bin/env bash
# Let a bucket of yours notify the function, beside what it notifies already: deploy/connect-bucket.sh BUCKET ALIAS-ARN [PREFIX]
#
# PREFIX leaves all keys out that do not begin so; two functions can share a bucket by different ones.
set -euo pipefail
cd "$(dirname "$0")/.."
bucket=${1:?usage: connect-bucket.sh BUCKET ALIAS-ARN [PREFIX]} alias=${2:?usage: connect-bucket.sh BUCKET ALIAS-ARN [PREFIX]} prefix=${3:-}
case $alias in
  arn:*:lambda:*:*:function:*:*) ;;
  *) echo "$alias is no alias's ARN, such as arn:aws:lambda:us-east-1:123456789012:function:STACK:live (the stack's output AliasArn)." >&2; exit 64 ;;
esac
IFS=: read -r _ _ _ _ account _ <<<"$alias"
# S3 knows no way to add one: the whole configuration is read, extended and put back.
read_back() { aws s3api get-bucket-notification-configuration --bucket "$bucket" --expected-bucket-owner "$account" --output json; }
before=$(read_back)
configuration=$(python3 deploy/notification.py "$alias" "$prefix" <<<"$before")
# Somebody else may be at it, too, and S3 has no condition for this request: so it is read once more, just before.
[ "$(read_back)" = "$before" ] || { echo "Nothing was changed: somebody else has just changed the notifications of $bucket. Try again." >&2; exit 75; }
aws s3api put-bucket-notification-configuration --bucket "$bucket" --expected-bucket-owner "$account" --notification-configuration "$configuration"
echo "$bucket notifies $alias"
