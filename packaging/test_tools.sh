#!/bin/sh
# The tests' microphone is a real sound server. Root on Debian gets it here; elsewhere those tests are skipped
# and say what to install. Never fails: tests that lack it are told in pytest's summary.
command -v pulseaudio >/dev/null && command -v pactl >/dev/null && exit 0
PACKAGES="pulseaudio pulseaudio-utils libasound2-plugins"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "mlee: installing the tests' sound server: $PACKAGES"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -y -qq --no-install-recommends $PACKAGES ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $PACKAGES; }; } \
        </dev/null >/dev/null 2>&1 && exit 0
fi
echo "mlee: the microphone's tests are skipped until you run: apt-get install $PACKAGES"
