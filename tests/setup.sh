#!/bin/sh
# What the tests need beside Python: a Chromium (the machine's, else it installs one), and for the JavaScript SDKs Node
# (the machine's, 20 or later; without it those tests are skipped).
set -e
sdks=tests/protocol/node
if command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null \
    && [ ! "$sdks/node_modules/.package-lock.json" -nt "$sdks/package-lock.json" ]; then
    echo "installing the JavaScript SDKs for the protocol tests …"
    npm ci --prefix "$sdks" --ignore-scripts --no-audit --no-fund --silent
    touch "$sdks/node_modules/.package-lock.json"
fi
for name in "${EASTWIND_CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && exit 0
done
[ -n "$(ls -d "$HOME"/.cache/ms-playwright/chromium* "$HOME"/Library/Caches/ms-playwright/chromium* 2>/dev/null)" ] && exit 0
echo "installing Chromium for the browser tests …"
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk; } >/dev/null 2>&1 && exit 0
fi
.venv/bin/playwright install chromium && exit 0
echo "eastwind: the browser tests need Chromium; install it, or set EASTWIND_CHROMIUM to its path" >&2
exit 2
