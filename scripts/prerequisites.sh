# Sourced by ./up and ./test: what has to be there before Millrace builds and runs, and how it gets there.
# Expects $root, the repository's directory.

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
artifacts="$root/artifacts"
mkdir -p "$artifacts"

stop() {
  printf '%s\n' "$@" >&2
  exit 1
}

need_dotnet() {
  command -v dotnet >/dev/null ||
    stop "The .NET 10 SDK is missing. Install it (package dotnet-sdk-10.0, or see dot.net/download), then run this again."
  # In the repository's directory, so that global.json decides which SDK is meant.
  (cd "$root" && dotnet --version >/dev/null 2>&1) ||
    stop "Millrace needs the .NET SDK 10.0.100 or newer (10.0.x). Installed are:" "$(cd / && dotnet --list-sdks)"
}

need_node() {
  command -v node >/dev/null && command -v npm >/dev/null ||
    stop "Node 20 or newer, with npm, is missing: web/ is built with it. Install it, then run this again."
  local major
  major=$(node --version | sed -E 's/^v([0-9]+).*/\1/')
  [ "$major" -ge 20 ] || stop "Node 20 or newer is needed to build web/; found $(node --version)."
}

# Succeeds when one of the given commands exists.
have_any() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null && return 0
  done
  return 1
}

# need_packages PACKAGE[+PACKAGE…]:COMMAND[,COMMAND…] …
# Installs the Debian packages of each entry none of whose commands exists; stops with the exact command where that is not allowed.
need_packages() {
  local entry package missing=() sudo=()
  for entry in "$@"; do
    package=${entry%%:*}
    local names
    IFS=, read -ra names <<<"${entry#*:}"
    # Unquoted: several packages of one entry become several words.
    have_any "${names[@]}" || missing+=(${package//+/ })
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local by_hand="  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null ||
    stop "Missing: ${missing[*]}. Install them with this system's package manager, then run this again."
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      sudo=(sudo -n)
    else
      stop "Missing: ${missing[*]}. Install them, then run this again:" "$by_hand"
    fi
  fi
  echo "Installing ${missing[*]} …"
  local log="$artifacts/install.log"
  if ! { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    stop "Installing failed (see $log). By hand:" "$by_hand"
  fi
}

# A fingerprint of everything that web/dist is made of.
web_inputs() {
  (cd "$root/web" && find . \( -name node_modules -o -name dist -o -name build \) -prune -o -type f -print0 |
    LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
}

# Succeeds when web/ has to be built: $1 names what was done with the inputs before (check, build).
web_is_stale() {
  [ -f "$root/web/package.json" ] || return 1
  [ -f "$root/web/dist/index.html" ] || return 0
  [ "$(cat "$artifacts/web-$1.inputs" 2>/dev/null)" != "$(web_inputs)" ]
}

# build_web build|check: `npm ci` when the lock file changed, then (check only) the type check, then the build.
build_web() {
  local purpose=$1 lock
  web_is_stale "$purpose" || return 0
  need_node
  local inputs
  inputs=$(web_inputs)
  (
    cd "$root/web"
    lock=$(sha256sum package-lock.json | cut -d ' ' -f 1)
    if [ ! -d node_modules ] || [ "$(cat node_modules/.millrace-lock 2>/dev/null)" != "$lock" ]; then
      npm ci --no-audit --no-fund
      echo "$lock" >node_modules/.millrace-lock
    fi
    if [ "$purpose" = check ]; then
      npm run check
      npm run test --if-present
    fi
    npm run build
  ) || return 1
  echo "$inputs" >"$artifacts/web-build.inputs"
  [ "$purpose" = build ] || echo "$inputs" >"$artifacts/web-check.inputs"
}
