#!/bin/sh
# Sends made-up readings of three devices to the stream `machines`: the last hour, then one each second.
set -eu

readings() { # FROM TO, in seconds since 1970
  awk -v from="$1" -v to="$2" 'BEGIN {
    for (at = from; at <= to; at++) for (device = 1; device <= 3; device++)
      printf "{\"ts\": %.0f, \"site\": \"north\", \"device\": \"m%d\", \"temperature\": %.2f, \"vibration\": %.4f}\n",
        at * 1000, device, 20 + device + 4 * sin(at / (200 * device)), 0.02 + 0.01 * sin(at / 30 + device) ^ 2
  }'
}

send() { streamsync produce --stream machines --key device; }

now=$(date +%s)
readings $((now - 3600)) "$now" | send
while sleep 1; do
  past=$now
  now=$(date +%s)
  [ "$now" -le "$past" ] || readings $((past + 1)) "$now" | send
done
