# Sourced by the measuring scripts: starts and ends Millrace and nginx-rtmp, reads their cost from /proc.
# Expects $root; sets $work, which is removed at the end, with every server that is still running.

. "$root/scripts/prerequisites.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/millrace-bench.XXXXXX")
server_pid=
millrace="$root/src/Server/bin/Release/net10.0/millrace"
swarm="$root/bench/Swarm/bin/Release/net10.0/Millrace.Swarm"
source_file="$artifacts/bench/720p30.flv"
rtmp_port=${RTMP_PORT:-19350}
http_port=${HTTP_PORT:-19080}

cleanup() {
  local job
  for job in $(jobs -p); do kill "$job" 2>/dev/null || true; done
  stop_server
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

build_bench() {
  need_dotnet
  local log="$artifacts/bench-build.log"
  (cd "$root" && for project in src/Server/Server.csproj bench/Swarm/Swarm.csproj; do
    dotnet build "$project" -c Release -v quiet -nologo -nodeReuse:false || exit 1
  done) >"$log" 2>&1 || { cat "$log" >&2; stop "The build failed."; }
}

nginx_rtmp_module() {
  local path
  for path in /usr/lib/nginx/modules /usr/lib64/nginx/modules /usr/share/nginx/modules; do
    [ -f "$path/ngx_rtmp_module.so" ] && echo "$path/ngx_rtmp_module.so" && return
  done
  return 0
}

# wait_for_port PORT: succeeds when something listens there.
wait_for_port() {
  local try
  for try in $(seq 200); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  return 1
}

# port_is_free PORT: another server there would answer in the place of ours.
port_is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
    stop "Port $1 is taken. Choose others: RTMP_PORT=… HTTP_PORT=… $0"
}

# HLS as most people run it: 2 s fragments, a minute of playlist. Everything on the loopback address.
start_nginx() {
  port_is_free "$rtmp_port"
  local home="$work/nginx"
  rm -rf "$home" && mkdir -p "$home/hls"
  cat >"$home/nginx.conf" <<CONF
load_module $(nginx_rtmp_module);
daemon off;
worker_processes ${NGINX_WORKERS:-1};
user root;
pid $home/pid;
error_log $home/error.log warn;
events { worker_connections 4096; }
rtmp {
  server {
    listen 127.0.0.1:$rtmp_port;
    access_log off;
    application live {
      live on;
      hls on;
      hls_path $home/hls;
      hls_fragment 2s;
      hls_playlist_length 60s;
    }
  }
}
CONF
  [ "$(id -u)" -eq 0 ] || sed -i '/^user /d' "$home/nginx.conf"
  nginx -p "$home" -e "$home/error.log" -c "$home/nginx.conf" >"$work/nginx.log" 2>&1 &
  server_pid=$!
  wait_for_port "$rtmp_port" || { cat "$work/nginx.log" "$home/error.log" >&2; stop "nginx did not start."; }
}

# start_millrace [OPTION…]
start_millrace() {
  port_is_free "$rtmp_port"
  port_is_free "$http_port"
  local home="$work/millrace"
  rm -rf "$home" && mkdir -p "$home"
  (cd "$home" && exec "$millrace" up --Rtmp:Port="$rtmp_port" --Http:Port="$http_port" --Ingest:Admission=open --Transcoding:Ladder=off --Preview:Interval=off \
    --Data:Path="$home/data" "$@") >"$work/millrace.log" 2>&1 &
  server_pid=$!
  wait_for_port "$http_port" && wait_for_port "$rtmp_port" || { cat "$work/millrace.log" >&2; stop "Millrace did not start."; }
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null || true
  local try
  for try in $(seq 100); do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# The server and its children (nginx's workers).
server_family() {
  echo "$server_pid"
  cat "/proc/$server_pid/task/$server_pid/children" 2>/dev/null | tr ' ' '\n' | sed '/^$/d'
}

# CPU seconds (user + system) that the server's processes have used so far.
server_cpu() {
  local pid
  for pid in $(server_family); do cat "/proc/$pid/stat" 2>/dev/null || true; done |
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); sum += $12 + $13 } END { printf "%.2f\n", sum / hz }'
}

# server_memory FIELD…: megabytes, summed over the fields of /proc/PID/status and over the processes.
server_memory() {
  local pid fields
  fields=$(IFS='|'; echo "$*")
  for pid in $(server_family); do cat "/proc/$pid/status" 2>/dev/null || true; done |
    awk -v fields="^($fields):" '$1 ~ fields { sum += $2 } END { printf "%.1f\n", sum / 1024 }'
}

# value NAME FILE: the number behind a name in the swarm's report.
value() {
  awk -v name="$1" '$1 == name { print $2 }' "$2"
}

median() {
  sort -n | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2) }'
}
