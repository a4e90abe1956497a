#!/bin/bash
# Succeeds if the Daybook in this container answers a GET with 200: daybook-health [/livez | /readyz].
#
# Uses bash's own sockets, so that the image needs no HTTP client. Request health routes only: the container engine stores the
# output.

path="${1:-/livez}"
port="${DAYBOOK_LISTEN##*:}"

exec 3<>"/dev/tcp/127.0.0.1/${port:-8080}" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$path" >&3

# Read to the end, so that the service sees no broken connection; at most 4 s and 4,000 characters.
IFS= read -r -d '' -t 4 -n 4000 answer <&3
[[ $answer == 'HTTP/1.1 200 '* ]] && exit 0

echo "${path}: ${answer%%$'\r'*} ${answer##*$'\r\n'}" >&2
exit 1
