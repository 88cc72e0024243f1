#!/bin/sh
# What the image runs: `serve` is a plain web server, `cut /in /out` works on a folder; anything else names a handler for Lambda's runtime client.
set -eu

if [ "${1:-}" = serve ]; then
  # Metrics in CloudWatch's embedded format mean nothing outside Lambda.
  export POWERTOOLS_METRICS_DISABLED="${POWERTOOLS_METRICS_DISABLED:-true}"
  exec python -m handler.serve --host 0.0.0.0 --port "${PORT:-8080}"
fi

if [ "${1:-}" = cut ]; then
  shift
  exec python -m handler.folder "$@"
fi

if [ -z "${AWS_LAMBDA_RUNTIME_API:-}" ]; then
  echo "AWS_LAMBDA_RUNTIME_API is not set, so this is not Lambda. To run a web server on port 8080, add the command: serve. To cut out a folder: cut /in /out" >&2
  exit 64
fi

# Answers that are streamed need a client that can: https://github.com/aws/aws-lambda-roadmap/issues/39
if [ -n "${STREAM_ANSWERS_TO:-}" ]; then
  exec python -m handler.streaming "$@"
fi
exec python -m awslambdaric "$@"
