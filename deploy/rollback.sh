#!/usr/bin/env bash
# Go back: stop the canary that runs, or deploy the image of the version before. deploy/rollback.sh staging|production
#
# The way back is a deployment like any other, so that CloudFormation and the alias agree afterwards. An alias moved by
# hand would make the next deployment fail: CodeDeploy compares it with what CloudFormation remembers.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${1:?usage: rollback.sh staging|production}
source deploy/stack.sh "$environment"
resource() { aws cloudformation describe-stack-resource --stack-name "$STACK" --logical-resource-id "$1" --query StackResourceDetail.PhysicalResourceId --output text; }

application=$(resource ServerlessDeploymentApplication)
group=$(resource FunctionDeploymentGroup)
running=$(aws deploy list-deployments --application-name "$application" --deployment-group-name "$group" \
  --include-only-statuses Created Queued InProgress Ready --query 'deployments[0]' --output text)
if [ "$running" != None ]; then
  aws deploy stop-deployment --deployment-id "$running" --auto-rollback-enabled
  echo "The canary $running is stopped; the alias goes back to the version before, and the stack follows."
  exit 0
fi

image_of() { aws lambda get-function --function-name "$STACK" --qualifier "$1" --query Code.ImageUri --output text; }
live=$(aws lambda get-alias --function-name "$STACK" --name live --query FunctionVersion --output text)
current=$(image_of "$live")
previous=
for ((version = live - 1; version > 0; version--)); do
  image=$(image_of "$version" 2>/dev/null) || continue  # a version that was deleted
  if [ "$image" != "$current" ]; then
    previous=$image
    break
  fi
done
[ -n "$previous" ] || { echo "$STACK has no earlier version with another image. Was it a parameter? Then change samconfig.toml back and deploy." >&2; exit 1; }

parameters=("ParameterKey=ImageUri,ParameterValue=$previous" "ParameterKey=Deployment,ParameterValue=AllAtOnce")
for name in $(aws cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].Parameters[].ParameterKey' --output text); do
  case $name in ImageUri | Deployment) ;; *) parameters+=("ParameterKey=$name,UsePreviousValue=true") ;; esac
done
echo "$STACK: $current → $previous"
aws cloudformation update-stack --stack-name "$STACK" --use-previous-template --parameters "${parameters[@]}" \
  --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND >/dev/null
aws cloudformation wait stack-update-complete --stack-name "$STACK"
