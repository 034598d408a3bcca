#!/bin/sh
# Le tableau de bord, dans le dossier dashboard/ : dashboard.sh packages, puis dashboard.sh page
set -eu

cd "$(dirname "$0")/../../dashboard"
case ${1-} in
  packages) npm ci --no-audit --no-fund ;;
  page) npm run --silent build && test -f dist/index.html ;;
  *) echo "dashboard.sh : « packages » ou « page » attendu." >&2; exit 2 ;;
esac
