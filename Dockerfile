# The function's image: a layer for each thing that changes at its own pace (base, packages, model, handler).
#
#   docker build --provenance=false --build-arg MODEL=inspyrenet-base --tag inspyrenet-lambda .
#
# MODEL   u2netp, inspyrenet-base, inspyrenet-fast or inspyrenet-base-nightly. Stages it does not need are not built.
# ENGINE  onnxruntime; or torch, with an InSPyReNet model: the reference image, transparent-background itself.
# ALLOW_UNVERIFIED  1 builds a model whose publisher gives no checksum (inspyrenet-base-nightly); refused otherwise.
#
# A checkpoint that is already here: docker build --build-context checkpoint=FOLDER …, with FOLDER/checkpoint.pth in it.
# Without --provenance=false, BuildKit pushes an index with an attestation, which Lambda refuses.
ARG BASE_IMAGE=python:3.13-slim-trixie
ARG ENGINE=onnxruntime
ARG MODEL=u2netp

# An empty stand-in for the named context of the same name.
FROM scratch AS checkpoint


# hadolint ignore=DL3006  # the tag is in BASE_IMAGE
FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONDONTWRITEBYTECODE=1


# ---- packages → /opt/python

FROM build AS compiled
COPY layers/matting /src/matting
COPY layers/inference /src/inference
RUN python -m pip wheel --quiet --no-deps --wheel-dir /wheels /src/matting /src/inference

# Wheels alone: nothing is compiled here, on either platform. Bytecode with unchecked hashes is valid whatever time stamps
# the files get on their way, and on a file system where none can be written:
# https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode
# botocore lists the folder of each of its 450 services to make a client of one; what is called here and what its
# credentials come from stays.
FROM build AS packages-onnxruntime
COPY layers/dependencies/requirements.txt layers/dependencies/serve.txt /src/
COPY --from=compiled /wheels /wheels
RUN python -m pip install --quiet --no-compile --require-hashes --only-binary=:all: --target /opt/python \
      --requirement /src/requirements.txt --requirement /src/serve.txt \
 && python -m pip install --quiet --no-compile --no-deps --target /opt/python /wheels/*.whl \
 && rm -rf /opt/python/bin \
 && find /opt/python -type d -name tests -prune -exec rm -rf {} + \
 && find /opt/python/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name lambda ! -name secretsmanager \
      ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -rf {} + \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/python \
 && chmod -R a+rX /opt/python

# torch and transparent-background, to export and verify a model, and for ENGINE=torch. From PyTorch's CPU index torch has
# no hash in the lock and no CUDA; with TORCH_INDEX= it is the lock's own, hash-checked, with 3 GB of CUDA around it.
FROM build AS torch
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY layers/model/requirements.txt layers/dependencies/serve.txt /src/
COPY --from=compiled /wheels /wheels
# hadolint ignore=DL3013  # what has no version is a wheel of ours
RUN set -- --quiet --no-compile --no-deps --prefer-binary --target /opt/python \
 && cp /src/requirements.txt /src/hashed.txt \
 && if [ -n "${TORCH_INDEX}" ]; then \
      awk '/^[a-z]/ { cuda = /^(torch|torchvision|triton|nvidia-|cuda-)/ } !cuda' /src/requirements.txt >/src/hashed.txt \
      && awk '/^(torch|torchvision)==/ { print $1 }' /src/requirements.txt >/src/torch.txt \
      && python -m pip install "$@" --index-url "${TORCH_INDEX}" --requirement /src/torch.txt; \
    fi \
 && python -m pip install "$@" --require-hashes --requirement /src/hashed.txt --requirement /src/serve.txt \
 && python -m pip install "$@" /wheels/*.whl

FROM torch AS packages-torch
RUN rm -rf /opt/python/bin \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/python \
 && chmod -R a+rX /opt/python

# hadolint ignore=DL3006  # a stage of this file
FROM packages-${ENGINE} AS packages


# ---- model → /opt/model

FROM packages-onnxruntime AS onnxruntime-u2netp
WORKDIR /src
ENV PYTHONPATH=/opt/python
COPY layers/__init__.py layers/
COPY layers/model layers/model
RUN python -m layers.model.build u2netp --out /opt/model \
 && chmod -R a+rX /opt/model

# Fetch the published checkpoint, or take the given one; export it, and fail unless it answers as upstream's network does.
FROM torch AS inspyrenet
WORKDIR /src
ENV PYTHONPATH=/opt/python
ARG ENGINE
ARG MODEL
ARG ALLOW_UNVERIFIED=
COPY demo/photos/*.jpg photos/
COPY layers/__init__.py layers/
COPY layers/model layers/model
COPY --from=checkpoint / /checkpoint
RUN if [ -f /checkpoint/checkpoint.pth ]; then set -- --checkpoint /checkpoint/checkpoint.pth; fi \
 && python -m layers.model.build "${MODEL}" --engine "${ENGINE}" --out /opt/model ${ALLOW_UNVERIFIED:+--allow-unverified} "$@" \
 && if [ "$#" = 0 ]; then set -- --checkpoint .cache/downloads/*.pth; fi \
 && if [ "${ENGINE}" = onnxruntime ]; then \
      python -m layers.model.verify /opt/model "$@" --picture photos/astronaut.jpg --picture photos/chelsea.jpg \
        --picture photos/coffee.jpg; \
    fi \
 && chmod -R a+rX /opt/model

FROM inspyrenet AS onnxruntime-inspyrenet-base
FROM inspyrenet AS onnxruntime-inspyrenet-fast
FROM inspyrenet AS onnxruntime-inspyrenet-base-nightly
FROM inspyrenet AS torch-inspyrenet-base
FROM inspyrenet AS torch-inspyrenet-fast
FROM inspyrenet AS torch-inspyrenet-base-nightly

# hadolint ignore=DL3006  # a stage of this file
FROM ${ENGINE}-${MODEL} AS model


# ---- handler → /var/task

FROM build AS handler
COPY handler /var/task/handler
COPY image/entrypoint.sh /var/task/entrypoint.sh
RUN find /var/task -name __pycache__ -prune -exec rm -rf {} + \
 && python -m compileall -q --invalidation-mode unchecked-hash /var/task \
 && chmod -R a+rX /var/task \
 && chmod a+x /var/task/entrypoint.sh


# ---- the image

# hadolint ignore=DL3006  # the tag is in BASE_IMAGE
FROM ${BASE_IMAGE}
ARG ENGINE
ARG MODEL

# The official image ships its standard library without bytecode, so each cold start on a read-only file system would
# compile it again. Where bytecode is there already, as in Debian's Python, this leaves it alone.
RUN python -c 'import compileall, py_compile, re, sys, sysconfig; \
sys.exit(not compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=1, workers=0, \
rx=re.compile("/(dist-packages|site-packages|test|tests|idlelib|ensurepip|lib2to3|turtledemo)/"), \
invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))'

COPY --from=packages /opt/python /opt/python
COPY --from=model /opt/model /opt/model
COPY --from=handler /var/task /var/task

# ONNX Runtime 1.32 began to send events to its makers: https://github.com/microsoft/onnxruntime/pull/27379
ENV ORT_DISABLE_TELEMETRY=1 \
    PYTHONPATH=/var/task:/opt/python \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/task

# Lambda sets a user of its own and ignores this one; elsewhere it is the one that can do least.
USER 65534:65534
EXPOSE 8080

# For `serve`. Lambda looks at no health check.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 8080)}/health', timeout=4)"]

# Last, since they change with each release. The snapstart label lets an image whose base is not AWS's be snapshotted:
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-custom.html
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL com.amazonaws.lambda.feature.snapstart="Allow" \
      org.opencontainers.image.title="inspyrenet-lambda" \
      org.opencontainers.image.description="Background removal in one AWS Lambda function, or as a web server: ${MODEL} on ${ENGINE}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

ENTRYPOINT ["/var/task/entrypoint.sh"]
CMD ["handler.app.lambda_handler"]
