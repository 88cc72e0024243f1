#!/usr/bin/env bash
# Build the image, push it to Amazon ECR, create or update the stack, and ping it: deploy/deploy.sh staging|production
#
# IMAGE_URI deploys an image that is in ECR already, instead of building one. STACK_ROLE_ARN lets CloudFormation act in
# that role instead of the caller's (deploy/github.yaml makes one). CI=true asks no questions.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${1:?usage: deploy.sh staging|production}
source deploy/stack.sh "$environment"
for tool in aws sam; do
  command -v "$tool" >/dev/null || { echo "$tool is needed; docs/deploy.md says where to get it." >&2; exit 69; }
done

if [ -z "${IMAGE_URI:-}" ]; then
  account=$(aws sts get-caller-identity --query Account --output text)
  registry=$account.dkr.ecr.$AWS_REGION.amazonaws.com repository=inspyrenet-lambda
  # A tag says what is in the image: the same sources are not built and pushed twice.
  tag=$(git describe --always --dirty --abbrev=12)-$MODEL-${ARCHITECTURE/_/-}
  case $tag in *-dirty-*) tag+=-$(date -u +%Y%m%d%H%M%S) ;; esac
  IMAGE_URI=$registry/$repository:$tag
  aws ecr describe-repositories --repository-names "$repository" >/dev/null 2>&1 ||
    aws ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
      --image-scanning-configuration scanOnPush=true >/dev/null
  if ! aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" >/dev/null 2>&1; then
    image/build.sh "$IMAGE_URI" "$MODEL" "$ARCHITECTURE"
    aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
    docker push "$IMAGE_URI"
  fi
fi

options=()
[ -z "${CI:-}" ] || options+=(--no-confirm-changeset)
[ -z "${STACK_ROLE_ARN:-}" ] || options+=(--role-arn "$STACK_ROLE_ARN")
repository=${IMAGE_URI%%@*}
# SAM asks for a repository wherever a function is an image, though there is nothing left for it to push.
# shellcheck disable=SC2086  # a list of NAME=VALUE without blanks, as samconfig.toml has it
sam deploy --template-file template.yaml --config-env "$environment" "${options[@]}" \
  --image-repository "${repository%:*}" --parameter-overrides $PARAMETERS "ImageUri=$IMAGE_URI"

# The stack stands; does it work? The alias answers a ping with 200 only if a picture went the whole way.
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
aws lambda invoke --function-name "$STACK:live" --cli-binary-format raw-in-base64-out --payload '{"warmup": true}' "$answer" >/dev/null
if ! python3 -c 'import json, sys; sys.exit(json.load(open(sys.argv[1])).get("statusCode") != 200)' "$answer"; then
  echo "$STACK does not work; its warm-up answered:" >&2
  cat "$answer" >&2
  echo "To go back: make rollback ENV=$environment" >&2
  exit 1
fi
aws cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output table
