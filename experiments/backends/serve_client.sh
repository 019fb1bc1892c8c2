#!/bin/sh
# Random mappings of a layer scored through `simulator serve`, with nothing but a shell and sed.
#
#   sh experiments/backends/serve_client.sh [LAYER] [ARCH] [MAPPINGS]
set -eu
layer=${1:-alexnet:conv2} arch=${2:-eyeriss_v1} mappings=${3:-100}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkfifo "$folder/requests" "$folder/answers"
${SIMULATOR:-simulator} serve <"$folder/requests" >"$folder/answers" &
exec 3>"$folder/requests" 4<"$folder/answers"

# ask REQUEST: the answer's line; an error ends the script.
ask() {
    printf '%s\n' "$1" >&3
    read -r answer <&4
    case $answer in *'"error":'*) printf '%s\n' "$answer" >&2; exit 2 ;; esac
    printf '%s\n' "$answer"
}

ask "{\"open\": {\"layer\": \"$layer\", \"arch\": \"$arch\"}}" >"$folder/opened"
vectors=$(ask "{\"sample\": $mappings, \"seed\": 1, \"base64\": true}" | sed 's/.*"vectors":"\([^"]*\)".*/\1/')
ask "{\"evaluate\": \"$vectors\"}" | sed 's/.*"energy":\[\([^]]*\)\].*/\1/' | tr ',' '\n' | sort -g | head -n 1
exec 3>&-
wait
