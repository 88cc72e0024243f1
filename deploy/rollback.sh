#!/usr/bin/env bash
# Go back: stop the canary that runs, or deploy the image that was in service before. deploy/rollback.sh staging|production
#
# The image before is looked up in CodeDeploy's history, and not among the versions: a version that CodeDeploy itself
# rolled back was never good. An image that came back is taken for a way back, too: what was deployed between is left
# out, so that going back twice does not return to the fault.
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
# deployments STATUS …: their ids into the array `ids`. As text the CLI prints a line for each page of its answer.
deployments() {
  local listed
  listed=$(aws deploy list-deployments --application-name "$application" --deployment-group-name "$group" \
    --include-only-statuses "$@" --query 'deployments[]' --output text)
  read -r -d '' -a ids <<<"${listed//None/}" || :
}
deployments Created Queued InProgress Ready
if [ "${#ids[@]}" -gt 0 ]; then
  aws deploy stop-deployment --deployment-id "${ids[0]}" --auto-rollback-enabled
  echo "The canary ${ids[0]} is stopped; the alias goes back to the version before, and the stack follows."
  exit 0
fi

deployments Succeeded
described=
for ((first = 0; first < ${#ids[@]}; first += 25)); do  # as many as one call takes
  described+=$(aws deploy batch-get-deployments --deployment-ids "${ids[@]:first:25}" --output json)
done
served=$(python3 deploy/history.py <<<"$described")
live=$(aws lambda get-alias --function-name "$STACK" --name live --query FunctionVersion --output text)

# image_of VERSION: its image by digest, into `image`; empty where the version was deleted.
declare -A known
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
image_of() {
  local answer
  if [ -z "${known[$1]+set}" ]; then
    if ! answer=$(aws lambda get-function --function-name "$STACK" --qualifier "$1" --query Code.ResolvedImageUri --output text 2>"$errors"); then
      grep -q ResourceNotFoundException "$errors" || { cat "$errors" >&2; exit 1; }
      answer=
    fi
    known[$1]=$answer
  fi
  image=${known[$1]}
}
# The images in service, one after the other; one that comes back takes away what came after it.
images=()
for version in $served "$live"; do
  image_of "$version"
  [ -n "$image" ] || continue
  for index in "${!images[@]}"; do
    [ "${images[index]}" != "$image" ] || { images=("${images[@]:0:index}"); break; }
  done
  images+=("$image")
done
[ "${#images[@]}" -gt 1 ] || {
  echo "$STACK was never in service with another image than this, ${images[*]}. If a parameter is at fault, change it back in samconfig.toml and deploy." >&2
  exit 1
}
current=${images[-1]} previous=${images[-2]}

parameters=("ParameterKey=ImageUri,ParameterValue=$previous" "ParameterKey=Deployment,ParameterValue=AllAtOnce")
for name in $(aws cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].Parameters[].ParameterKey' --output text); do
  case $name in ImageUri | Deployment) ;; *) parameters+=("ParameterKey=$name,UsePreviousValue=true") ;; esac
done
echo "$STACK: $current → $previous"
aws cloudformation update-stack --stack-name "$STACK" --use-previous-template --parameters "${parameters[@]}" \
  --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND >/dev/null
aws cloudformation wait stack-update-complete --stack-name "$STACK"
