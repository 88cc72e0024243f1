#!/usr/bin/env bash
# Print an image's size and its parts: image/size.sh IMAGE. CONTAINER names the tool (docker).
set -euo pipefail
image=${1:?usage: size.sh IMAGE}
read -ra container <<<"${CONTAINER:-docker}"

total=$("${container[@]}" image inspect --format '{{.Size}}' "$image")
parts=$("${container[@]}" run --rm --no-healthcheck --network none --user 0:0 --entrypoint du "$image" -xs --block-size=1 /opt/python /opt/model /var/task)
# %.0f: awk prints a sum beyond 2 GB as 7.0195e+09 otherwise.
base=$((total - $(awk '{ sum += $1 } END { printf "%.0f", sum }' <<<"$parts")))
megabytes() { awk '{ bytes = $1; $1 = ""; printf "%8.1f MB %s\n", bytes / 1e6, $0 }'; }
echo "$total the image, uncompressed" | megabytes
echo "$base base and its bytecode" | megabytes
megabytes <<<"$parts"
echo "the largest packages:"
"${container[@]}" run --rm --no-healthcheck --network none --user 0:0 --entrypoint sh "$image" -c 'du -xs --block-size=1 /opt/python/* | sort -rn | head -8' | megabytes
