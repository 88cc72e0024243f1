#!/usr/bin/env bash
# Build the image and run it the way Lambda runs it, with buildah and podman: no Docker daemon is needed.
#
#   image/check.sh [BUILD-ARG=VALUE ...]     # as root on Debian or Ubuntu; `make image-check` calls it
#
# It builds the Dockerfile, then starts the image under the Lambda Runtime Interface Emulator with a read-only root, a
# 512 MB /tmp, no network, no /sys/devices/system/cpu, no capabilities, an unprivileged user and a hard memory limit;
# image/judge.py then sends it pings, requests and uploads and judges the answers. At last it runs `serve` and `cut`.
#
# Environment
#   PYTHON      an interpreter with the test requirements (.venv/bin/python)
#   BASE        stand-in: a python:3.13-slim-trixie made with debootstrap, where no registry can be reached (default).
#               It holds Debian's Python, so it proves the Dockerfile's logic and not the upstream base image.
#               registry: pull the Dockerfile's own BASE_IMAGE
#   MODEL       u2netp
#   ENGINE      onnxruntime
#   ALLOW_UNVERIFIED  1 for a model of which no checksum is published
#   CHECKPOINT  a file for an InSPyReNet model, instead of the published one
#   MEMORY_MB   3008
#   CACHE       .cache/image-check: the stand-in
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python} base=${BASE:-stand-in} memory_mb=${MEMORY_MB:-3008} cache=${CACHE:-.cache/image-check}
suite=trixie stand_in=docker.io/library/python:3.13-slim-trixie tag=localhost/inspyrenet-lambda:check
name=image-check-$$ work=$(mktemp -d)
mkdir -p "$cache"

needed=(buildah podman runc curl)
[ "$base" = registry ] || needed+=(debootstrap)
for tool in "${needed[@]}"; do
  if ! command -v "$tool" >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null
    break
  fi
done
emulator=$("$python" -c 'from local.emulator import emulator_binary; print(emulator_binary())')

# A store of our own, so that nothing of the user's is touched or left behind.
printf '[storage]\ndriver="overlay"\nrunroot="%s/run"\ngraphroot="%s/store"\n' "$work" "$work" >"$work/storage.conf"
# podman's own default limits are beyond what an unprivileged host may give.
printf '[containers]\ndefault_ulimits=["nofile=1024:1024", "nproc=1024:1024"]\n' >"$work/containers.conf"
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
container() { podman --runtime runc "$@"; }
clean_up() {
  container rm -f -t 0 "$name" >/dev/null 2>&1 || :
  podman system reset -f >/dev/null 2>&1 || :
  rm -rf "$work"
}
trap clean_up EXIT

pull=missing
if [ "$base" = stand-in ]; then
  pull=never
  if [ ! -s "$cache/base-$suite.tar" ]; then
    root=$work/rootfs
    debootstrap --variant=minbase --include=python3,python3-pip,python3-venv,ca-certificates "$suite" "$root" >"$work/debootstrap.log" 2>&1 ||
      { tail -5 "$work/debootstrap.log"; exit 1; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/lib/python3.*/EXTERNALLY-MANAGED "$root/etc/hostname"
    : >"$root/etc/resolv.conf"
    ln -sf /usr/bin/python3 "$root/usr/local/bin/python"
    tar -C "$root" -cf "$cache/base-$suite.part" .
    mv "$cache/base-$suite.part" "$cache/base-$suite.tar"
    rm -rf "$root"
  fi
  podman import -q "$cache/base-$suite.tar" "$stand_in" >/dev/null
fi

# buildah 1.28 finds a stage named by arguments only where they are given: their defaults do not count.
build=(--isolation chroot --network host --format docker --layers=false "--pull=$pull" --tag "$tag"
  --build-arg "MODEL=${MODEL:-u2netp}" --build-arg "ENGINE=${ENGINE:-onnxruntime}"
  --build-arg "ALLOW_UNVERIFIED=${ALLOW_UNVERIFIED:-}")
for argument in "$@"; do
  build+=(--build-arg "$argument")
done
# What the host needs to reach its package index, the build needs too.
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
  [ ! -f "$file" ] || build+=(--volume "$file:$file:ro")
done
if [ -n "${CHECKPOINT:-}" ]; then
  mkdir "$work/checkpoint"
  cp "$CHECKPOINT" "$work/checkpoint/checkpoint.pth"
  build+=(--build-context "checkpoint=$work/checkpoint")
fi
start=$SECONDS
buildah bud "${build[@]}" . >"$work/build.log" 2>&1 || { tail -40 "$work/build.log"; exit 1; }
echo "built in $((SECONDS - start)) s"
CONTAINER="podman --runtime runc" image/size.sh "$tag"
container run --rm --no-healthcheck --network none --user 993:990 --read-only --entrypoint python --volume "$PWD/image/inspection.py:/tmp/inspection.py:ro" "$tag" /tmp/inspection.py

confined=(--no-healthcheck --network none --user 993:990
  --read-only --read-only-tmpfs=false --tmpfs "/tmp:rw,size=512m,mode=1777"
  --memory "${memory_mb}m" --memory-swap "${memory_mb}m" --cap-drop all --security-opt no-new-privileges
  --security-opt mask=/sys/devices/system/cpu)  # as on Lambda: https://github.com/pytorch/cpuinfo/issues/143
mapfile -t command < <(podman image inspect "$tag" | "$python" -c '
import json, sys
config = json.load(sys.stdin)[0]["Config"]
print(*(config.get("Entrypoint") or []), *(config.get("Cmd") or []), sep="\n")')

# probe SCENARIO: send events from within the container's own network, where an S3 of our own can be reached, too.
probe() {
  local pid
  pid=$(container inspect -f '{{.State.Pid}}' "$name")
  nsenter --net --target "$pid" "$python" -m image.judge "$1" --pid "$pid" || { container logs "$name" 2>&1 | tail -30; exit 1; }
}
stop() { container rm -f -t 0 "$name" >/dev/null; }
for scenario in picture-first ping-first; do
  container run -d --name "$name" "${confined[@]}" \
    -e AWS_LAMBDA_FUNCTION_NAME=check -e AWS_LAMBDA_FUNCTION_MEMORY_SIZE="$memory_mb" -e AWS_LAMBDA_FUNCTION_TIMEOUT=300 \
    -e AWS_REGION=us-east-1 -e AWS_ACCESS_KEY_ID=check -e AWS_SECRET_ACCESS_KEY=check \
    -e AWS_ENDPOINT_URL_S3=http://127.0.0.1:5000 -e OUTPUT_BUCKET=cutouts \
    --volume "$emulator:/usr/local/bin/aws-lambda-rie:ro" --entrypoint /usr/local/bin/aws-lambda-rie "$tag" "${command[@]}" >/dev/null
  probe "$scenario"
  stop
done
container run -d --name "$name" "${confined[@]}" "$tag" serve >/dev/null
probe serve
mapfile -t health < <(podman image inspect "$tag" | "$python" -c '
import json, sys
print(*json.load(sys.stdin)[0]["Healthcheck"]["Test"][1:], sep="\n")')
container exec "$name" "${health[@]}"
echo "ok    the health check"
stop
# A folder twice: the second time there is nothing left to do.
mkdir "$work/in" "$work/out"
cp demo/photos/chelsea.jpg "$work/in"
chmod 777 "$work/out"
for _ in 1 2; do
  container run --rm "${confined[@]}" --volume "$work/in:/in:ro" --volume "$work/out:/out" "$tag" cut /in /out format=webp max_side=256 | tail -1
done
[ -s "$work/out/chelsea.jpg.webp" ]
echo "ok    a folder"
echo "image check passed"
