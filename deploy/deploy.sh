#!/usr/bin/env bash
# Bring an image to the stack's repository in Amazon ECR, create or update the stack, and ping it: deploy/deploy.sh staging|production
#
# staging builds the image. Every other environment takes the one that staging has proven, by its digest: a tag says
# nothing about who pushed it. Each stack has a repository of its own, so that who may push for one cannot for another.
#
# IMAGE_DIGEST  the proven image (sha256:…); without it, what staging's alias runs. Not for staging.
# IMAGE_URI     deploys an image that is in ECR already, and takes none of these ways.
# STACK_ROLE_ARN, BOUNDARY_ARN  the role in which CloudFormation acts instead of the caller's, and what bounds the roles
#               that it makes (deploy/github.yaml makes both).
# CI=true asks no questions. The digest that was deployed is left in GITHUB_OUTPUT, where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=${1:?usage: deploy.sh staging|production}
source deploy/stack.sh "$environment"
needed=(aws sam)
[ -n "${IMAGE_URI:-}" ] || needed+=(docker)
for tool in "${needed[@]}"; do
  command -v "$tool" >/dev/null || { echo "$tool is needed; docs/deploy.md says where to get it." >&2; exit 69; }
done

# holds REPOSITORY DIGEST: whether the image is there.
holds() {
  local said
  said=$(aws ecr describe-images --repository-name "$1" --image-ids "imageDigest=$2" 2>&1 >/dev/null) && return
  case $said in *ImageNotFoundException*) return 1 ;; *) echo "$said" >&2; exit 1 ;; esac
}

if [ -z "${IMAGE_URI:-}" ]; then
  account=$(aws sts get-caller-identity --query Account --output text)
  registry=$account.dkr.ecr.$AWS_REGION.amazonaws.com
  aws ecr describe-repositories --repository-names "$STACK" >/dev/null 2>&1 ||
    aws ecr create-repository --repository-name "$STACK" --image-tag-mutability IMMUTABLE \
      --image-scanning-configuration scanOnPush=true >/dev/null
  sign_in() { aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"; }

  if [ "$environment" = staging ]; then
    # For people; with the time in it, since what lies under a tag already may be anybody's.
    tag=$(git describe --always --dirty --abbrev=12)-$MODEL-${ARCHITECTURE/_/-}-$(date -u +%Y%m%d%H%M%S)
    image/build.sh "$registry/$STACK:$tag" "$MODEL" "$ARCHITECTURE"
    sign_in
    docker push "$registry/$STACK:$tag"
    # What docker itself has pushed, and not what the registry says of the tag.
    digests=$(docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$registry/$STACK:$tag")
    digest=$(sed -n "s#^$registry/$STACK@##p" <<<"$digests" | tail -1)
  else
    source_stack=$(source deploy/stack.sh staging && echo "$STACK")
    digest=${IMAGE_DIGEST:-}
    if [ -z "$digest" ]; then
      proven=$(aws lambda get-function --function-name "$source_stack" --qualifier live --query Code.ResolvedImageUri --output text)
      digest=${proven##*@}
    fi
    holds "$source_stack" "$digest" || { echo "$source_stack has no image $digest: deploy to staging first, or name an IMAGE_DIGEST that it has." >&2; exit 1; }
    if ! holds "$STACK" "$digest"; then
      sign_in
      # As it is: without the option it would be wrapped in an index, of another digest, which Lambda refuses.
      docker buildx imagetools create --prefer-index=false --tag "$registry/$STACK:${digest/:/-}" "$registry/$source_stack@$digest"
      holds "$STACK" "$digest" || { echo "The copy of $digest in $STACK has another digest; it is not deployed." >&2; exit 1; }
    fi
  fi
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "${digest:-nothing} is no digest of an image." >&2; exit 1; }
  IMAGE_URI=$registry/$STACK@$digest
fi

overrides=("ImageUri=$IMAGE_URI")
[ -z "${BOUNDARY_ARN:-}" ] || overrides+=("PermissionsBoundaryArn=$BOUNDARY_ARN")
options=()
[ -z "${CI:-}" ] || options+=(--no-confirm-changeset)
[ -z "${STACK_ROLE_ARN:-}" ] || options+=(--role-arn "$STACK_ROLE_ARN")
repository=${IMAGE_URI%%@*}
# SAM asks for a repository wherever a function is an image, though there is nothing left for it to push.
# shellcheck disable=SC2086  # a list of NAME=VALUE without blanks, as samconfig.toml has it
sam deploy --template-file template.yaml --config-env "$environment" "${options[@]}" \
  --image-repository "${repository%:*}" --parameter-overrides $PARAMETERS "${overrides[@]}"

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
# Only now: what this says is proven.
[ -z "${GITHUB_OUTPUT:-}" ] || echo "digest=${IMAGE_URI##*@}" >>"$GITHUB_OUTPUT"
aws cloudformation describe-stacks --stack-name "$STACK" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output table
