#!/usr/bin/env bash
# Let a bucket of yours notify the stack, beside what it notifies already: deploy/connect-bucket.sh BUCKET STACK TARGET-ARN [PREFIX]
#
# The stack's output ConnectInputBucket is this command; TARGET-ARN is the stack's queue or, with Uploads=direct, its
# function's alias. PREFIX leaves all keys out that do not begin so; two stacks can share a bucket by different ones.
set -euo pipefail
cd "$(dirname "$0")/.."
usage="usage: connect-bucket.sh BUCKET STACK TARGET-ARN [PREFIX] (the stack's output ConnectInputBucket)"
bucket=${1:?$usage} stack=${2:?$usage} target=${3:?$usage} prefix=${4:-}
case $target in
  arn:*:lambda:*:*:function:*:* | arn:*:sqs:*:*:*) ;;
  *) echo "$target is the ARN of neither a queue nor an alias, such as arn:aws:sqs:us-east-1:123456789012:STACK-UploadQueue-1A2B3C. $usage" >&2; exit 64 ;;
esac
IFS=: read -r _ _ _ _ account _ <<<"$target"
# S3 knows no way to add one: the whole configuration is read, extended and put back.
read_back() { aws s3api get-bucket-notification-configuration --bucket "$bucket" --expected-bucket-owner "$account" --output json; }
before=$(read_back)
configuration=$(python3 deploy/notification.py "$stack" "$target" "$prefix" <<<"$before")
# Somebody else may be at it, too, and S3 has no condition for this request: so it is read once more, just before.
[ "$(read_back)" = "$before" ] || { echo "Nothing was changed: somebody else has just changed the notifications of $bucket. Try again." >&2; exit 75; }
aws s3api put-bucket-notification-configuration --bucket "$bucket" --expected-bucket-owner "$account" --notification-configuration "$configuration"
echo "$bucket notifies $target"
