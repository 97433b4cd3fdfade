#!/bin/sh
# fetch.sh URL SHA256 FOLDER: unpacks a .tar.gz, without its first folder, once its checksum is right. FOLDER is there whole
# or not at all. Where it is there with this checksum, as in an image, nothing is done. HAYATE_FETCH_TRIES (default 10): a name
# service or a mirror may not answer yet at a machine's first boot.
set -eu
[ $# -eq 3 ] || { echo "usage: ${0##*/} URL SHA256 FOLDER" >&2; exit 2; }
url=$1 sum=$2 folder=$3
if [ "$(cat "$folder/.sha256" 2>/dev/null)" = "$sum" ]; then exit 0; fi
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
curl --fail --silent --show-error --location --retry "${HAYATE_FETCH_TRIES:-10}" --retry-delay 3 --retry-all-errors \
  --output "$work/archive" "$url"
echo "$sum  $work/archive" | sha256sum --check --quiet - || { echo "${0##*/}: $url is not what was expected" >&2; exit 1; }
mkdir "$work/tree"
tar -xzf "$work/archive" -C "$work/tree" --strip-components=1 --no-same-owner
echo "$sum" >"$work/tree/.sha256"
rm -rf "$folder"
chmod 755 "$work/tree"
mv "$work/tree" "$folder"
