#!/usr/bin/env bash
# Build the image with docker: deploy/image.sh TAG [MODEL] [ARCHITECTURE] [docker build's options …]
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:?usage: image.sh TAG [MODEL] [ARCHITECTURE] [options]} model=${2:-u2netp} architecture=${3:-$(uname -m)}
case $architecture in x86_64) platform=linux/amd64 ;; arm64 | aarch64) platform=linux/arm64 ;; *) echo "no such architecture: $architecture" >&2; exit 64 ;; esac
# Lambda refuses the index that BuildKit makes of an image with attestations:
# https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
docker buildx build --load --provenance=false --sbom=false --platform "$platform" --tag "$tag" \
  --build-arg "MODEL=$model" --build-arg "ENGINE=${ENGINE:-onnxruntime}" \
  --build-arg "ALLOW_UNVERIFIED=${ALLOW_UNVERIFIED:-}" \
  --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" "${@:4}" .
