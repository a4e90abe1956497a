#!/bin/bash
# Whether the Daybook of this container answers 200 to a GET: daybook-health [/livez | /readyz].
#
# By bash's own sockets, so that the image needs no HTTP client. It must never ask for more than a health route: what it
# prints is kept by the container engine.

path="${1:-/livez}"
port="${DAYBOOK_LISTEN##*:}"

exec 3<>"/dev/tcp/127.0.0.1/${port:-8080}" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$path" >&3

# Up to the end, so that the service sees no broken connection; 4 s and 4,000 characters at most.
IFS= read -r -d '' -t 4 -n 4000 answer <&3
[[ $answer == 'HTTP/1.1 200 '* ]] && exit 0

echo "${path}: ${answer%%$'\r'*} ${answer##*$'\r\n'}" >&2
exit 1
