#!/bin/sh
# The tests of the microphone use a real sound server. It is installed here for root on Debian; elsewhere those
# tests are skipped and name what to install. This script never fails: pytest's summary lists skipped tests.
command -v pulseaudio >/dev/null && command -v pactl >/dev/null && exit 0
PACKAGES="pulseaudio pulseaudio-utils libasound2-plugins"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "mlee: installing the tests' sound server: $PACKAGES"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -y -qq --no-install-recommends $PACKAGES ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $PACKAGES; }; } \
        </dev/null >/dev/null 2>&1 && exit 0
fi
echo "mlee: tests of the microphone are skipped until you run: apt-get install $PACKAGES"
