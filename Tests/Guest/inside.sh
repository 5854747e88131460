#!/bin/sh
# The engine's main jobs on a host with cgroup v2 alone; `guest test` runs it in the guest, as root.
# One line for each check, then `N passed, M failed`; the exit code is 1 when anything failed.
# NAMES="engine-start image-load pause" runs only the checks of these names.
set -u

export DOCKER_HOST=unix:///run/bulkhead/docker.sock
work=/var/tmp/guest-test
log=/var/log/bulkhead-engine.log
passed=0
failed=0
mkdir -p "$work/bin"
# No call of the client may take for ever, wherever it is made.
printf '#!/bin/sh\nexec timeout %s %s "$@"\n' "${DOCKER_SECONDS:-90}" "$(command -v docker)" >"$work/bin/docker"
chmod +x "$work/bin/docker"
PATH="$work/bin:$PATH"

# check NAME COMMAND…: the command's trace and output are shown when it fails.
check() {
  name=$1
  shift
  case " ${NAMES:-} " in
    "  " | *" $name "*) ;;
    *) return ;;
  esac
  began=$(date +%s%N)
  # Not as the condition of an `if`: errexit would be off.
  (set -eux; "$@") >"$work/output" 2>&1
  if [ $? -eq 0 ]; then
    verdict=ok passed=$((passed + 1))
  else
    verdict='not ok' failed=$((failed + 1))
  fi
  echo "$verdict $name ($((($(date +%s%N) - began) / 1000000)) ms)"
  [ "$verdict" = ok ] || sed 's/^/    /' "$work/output" | tail -n 25
}

fail() {
  echo "$*" >&2
  exit 1
}

# same FOUND EXPECTED
same() {
  [ "$1" = "$2" ] || fail "found '$1', expected '$2'"
}

# refused STATUS COMMAND…
refused() {
  expected=$1
  shift
  status=0
  "$@" || status=$?
  same "$status" "$expected"
}

# until_true SECONDS COMMAND…
until_true() {
  set +x
  deadline=$(($(date +%s) + $1))
  shift
  until "$@"; do
    [ "$(date +%s)" -lt "$deadline" ] || fail "in vain: $*"
    sleep 0.2
  done
  set -x
}

# The folder of a container's control group, as its first process has it.
cgroup() {
  echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(docker inspect --format '{{.State.Pid}}' "$1")/cgroup")"
}

quietly() {
  "$@" >/dev/null
}

# The host, without the engine

host_cgroup2() {
  same "$(stat --file-system --format %T /sys/fs/cgroup)" cgroup2fs
  same "$(grep -c ' - cgroup ' /proc/self/mountinfo || true)" 0
  grep -qw memory /sys/fs/cgroup/cgroup.controllers
}

make_bundle() {
  mkdir -p "$work/bundle/rootfs/bin" "$work/bundle/rootfs/proc" "$work/bundle/rootfs/dev" "$work/bundle/rootfs/sys"
  cp /bin/busybox "$work/bundle/rootfs/bin/busybox"
  (
    cd "$work/bundle"
    rm -f config.json
    crun spec
    python3 - <<'PYTHON'
import json
spec = json.load(open("config.json"))
spec["process"]["terminal"] = False
spec["process"]["args"] = ["/bin/busybox", "sh", "-c", "cat /sys/fs/cgroup/memory.max; exit 5"]
spec["linux"]["resources"] = {"memory": {"limit": 33554432}}
spec["linux"]["cgroupsPath"] = "/guest-test"
json.dump(spec, open("config.json", "w"))
PYTHON
  )
}

host_crun() {
  make_bundle
  status=0
  found=$(crun --root "$work/crun" run --bundle "$work/bundle" first) || status=$?
  same "$found $status" "33554432 5"
}

host_conmon() {
  conmon --api-version 1 -c second -u second -r /usr/bin/crun -b "$work/bundle" -p "$work/conmon.pid" \
    --exit-dir "$work/exits" --runtime-arg "--root=$work/crun" -l "k8s-file:$work/conmon.log" --full-attach &
  monitor=$!
  mkdir -p "$work/exits"
  until_true 30 test -s "$work/conmon.pid"
  crun --root "$work/crun" start second
  until_true 30 test -s "$work/exits/second"
  wait "$monitor" || true
  crun --root "$work/crun" delete second
  same "$(cat "$work/exits/second")" 5
  grep -q 'stdout F 33554432' "$work/conmon.log"
}

host_doctor() {
  # It may end with a code of its own when something is missing; what it says of control groups must hold.
  bulkheadd doctor --format json >"$work/doctor.json" || true
  cat "$work/doctor.json"
  python3 - "$work/doctor.json" <<'PYTHON'
import json, sys
checks = json.load(open(sys.argv[1]))["checks"]
about = [check for check in checks if "cgroup" in (check["id"] + check["title"]).lower()]
assert about, "no check is about control groups"
assert any(check["found"] == "version 2" and check["status"] == "ok" for check in about), about
PYTHON
  # The client finds the engine's program beside itself and shows the same as a table.
  bulkhead doctor | grep -E '^OK +Control groups +version 2'
}

# The engine, under its own unit

engine_start() {
  systemd-sysusers /share/tree/packaging/sysusers.conf
  mkdir -p /etc/systemd/system/bulkhead-engine.service.d
  sed 's|@BINDIR@|/share/programs|' /share/tree/packaging/bulkhead-engine.service \
    >/etc/systemd/system/bulkhead-engine.service
  printf '[Service]\nStandardOutput=append:%s\nStandardError=append:%s\n' "$log" "$log" \
    >/etc/systemd/system/bulkhead-engine.service.d/guest.conf
  systemctl daemon-reload
  if ! timeout 120 systemctl start bulkhead-engine; then
    systemctl --no-pager status bulkhead-engine || true
    tail -n 20 "$log"
    exit 1
  fi
  same "$(curl --silent --max-time 30 --unix-socket /run/bulkhead/docker.sock http://localhost/_ping)" OK
  # What there was before the first container; compared at the end.
  state >"$work/before"
}

# What the engine could leave behind.
state() {
  grep -c bulkhead /proc/self/mountinfo || true
  # The folder of the instance may stay; those of containers may not.
  find /sys/fs/cgroup -mindepth 2 -type d -path '*/bulkhead-*/*' -not -path '*.service/*' | sort
  ip -brief link show type veth
  nft list ruleset 2>/dev/null | grep -c dnat || true
  ps -e -o comm= | grep -cE '^(conmon|crun|runc)$' || true
}

image_load() {
  (
    cd "$work"
    mkdir -p image/bin image/tmp image/etc image/www
    cp /bin/busybox image/bin/
    # Hard links: one file in the layer, as in the image that everybody knows.
    image/bin/busybox --install "$PWD/image/bin"
    printf 'root:x:0:0:root:/:/bin/sh\n' >image/etc/passwd
    echo served >image/www/index.html
    tar --create --numeric-owner --owner 0 --group 0 --directory image --file layer.tar .
    python3 - <<'PYTHON'
import hashlib, io, json, tarfile
layer = open("layer.tar", "rb").read()
config = json.dumps({
    "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": name, "RepoTags": ["busybox:latest"], "Layers": ["layer/layer.tar"]}]).encode()
with tarfile.open("image.tar", "w") as archive:
    for path, data in ((name, config), ("layer/layer.tar", layer), ("manifest.json", manifest)):
        entry = tarfile.TarInfo(path)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
PYTHON
  )
  docker load --input "$work/image.tar" | grep -q 'Loaded image: busybox:latest'
}

info_says_v2() {
  same "$(docker info --format '{{.CgroupVersion}}')" 2
}

run_once() {
  same "$(docker run --rm busybox echo hello)" hello
  refused 7 docker run --rm busybox sh -c 'exit 7'
}

run_private_ids() {
  quietly docker run --detach --name ids busybox sleep 600
  id=$(awk '$1 == "Uid:" { print $2 }' "/proc/$(docker inspect --format '{{.State.Pid}}' ids)/status")
  [ "$id" -gt 65535 ] || fail "the container's root has the id $id"
  same "$(docker exec ids id -u)" 0
  quietly docker rm --force ids
}

cgroup_namespace() {
  same "$(docker run --rm busybox cat /proc/self/cgroup)" 0::/
  docker run --rm busybox sh -c '! mkdir /sys/fs/cgroup/mine 2>/dev/null'
}

memory_visible() {
  same "$(docker run --rm --memory 32m --memory-swap 32m busybox cat /sys/fs/cgroup/memory.max)" 33554432
}

memory_enforced() {
  refused 137 docker run --name greedy --memory 32m --memory-swap 32m busybox tail /dev/zero
  same "$(docker inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' greedy)" "true 137"
  quietly docker rm greedy
}

pids_enforced() {
  same "$(docker run --rm --pids-limit 15 busybox cat /sys/fs/cgroup/pids.max)" 15
  docker run --rm --pids-limit 15 busybox sh -c \
    'i=0; while [ $i -lt 30 ]; do sleep 9 & i=$((i + 1)); done; wait' 2>&1 | grep -qi "can't fork"
}

cpu_limits() {
  same "$(docker run --rm --cpus 0.5 busybox cat /sys/fs/cgroup/cpu.max)" "50000 100000"
  same "$(docker run --rm --cpuset-cpus 1 busybox nproc)" 1
  weight=$(docker run --rm --cpu-shares 512 busybox cat /sys/fs/cgroup/cpu.weight)
  [ "$weight" -lt 100 ] || fail "512 shares, half of the default, became the weight $weight"
}

io_weight() {
  docker run --rm --blkio-weight 200 busybox true
}

update_limits() {
  quietly docker run --detach --name elastic --memory 64m --memory-swap 64m busybox sleep 600
  quietly docker update --memory 48m --memory-swap 48m --pids-limit 33 --cpus 0.25 elastic
  same "$(cat "$(cgroup elastic)/memory.max")" 50331648
  same "$(cat "$(cgroup elastic)/pids.max")" 33
  same "$(cat "$(cgroup elastic)/cpu.max")" "25000 100000"
  quietly docker rm --force elastic
}

devices() {
  docker run --rm busybox sh -c 'echo x >/dev/null && ! echo x 2>/dev/null >/dev/full'
  docker run --rm busybox head -c 4 /dev/urandom >/dev/null
  docker run --rm busybox sh -c '! mknod /tmp/disk b 254 0 2>/dev/null'
}

execute() {
  quietly docker run --detach --name busy busybox sleep 600
  same "$(docker exec --env A=1 busy sh -c 'echo $A')" 1
  refused 3 docker exec busy sh -c 'exit 3'
  docker exec --detach busy sleep 500
  until_true 20 sh -c "[ \$(cat $(cgroup busy)/cgroup.procs | wc -l) -eq 2 ]"
  docker top busy | grep -q 'sleep 500'
}

exec_stdin() {
  quietly docker run --detach --name fed busybox sleep 600
  # It ends when the client's input does.
  echo in | docker exec --interactive fed cat >"$work/fed"
  same "$(cat "$work/fed")" in
  quietly docker rm --force fed
}

pause() {
  group=$(cgroup busy)
  quietly docker pause busy
  same "$(docker inspect --format '{{.State.Status}}' busy)" paused
  grep -q 'frozen 1' "$group/cgroup.events"
  quietly docker unpause busy
  same "$(docker inspect --format '{{.State.Status}}' busy)" running
  grep -q 'frozen 0' "$group/cgroup.events"
}

stats() {
  docker stats --no-stream --format json busy >"$work/stats"
  cat "$work/stats"
  python3 - "$work/stats" <<'PYTHON'
import json, sys
sample = json.load(open(sys.argv[1]))
assert sample["PIDs"] == "2", "processes"
assert not sample["MemUsage"].startswith("0B"), "memory"
PYTHON
  # The whole sample, as a monitoring program reads it.
  curl --silent --max-time 60 --unix-socket /run/bulkhead/docker.sock \
    'http://localhost/containers/busy/stats?stream=false' >"$work/stats"
  python3 - "$work/stats" <<'PYTHON'
import json, sys
sample = json.load(open(sys.argv[1]))
assert sample["cpu_stats"]["cpu_usage"]["total_usage"] > 0, sample["cpu_stats"]
assert sample["cpu_stats"]["online_cpus"] == 2, sample["cpu_stats"]
assert sample["memory_stats"]["usage"] > 0, sample["memory_stats"]
assert sample["memory_stats"]["limit"] > 0, sample["memory_stats"]
assert sample["pids_stats"]["current"] == 2, sample["pids_stats"]
assert sample["networks"]["eth0"]["tx_packets"] >= 0, sample["networks"]
assert "anon" in sample["memory_stats"]["stats"], "version 2 names of the memory figures"
PYTHON
}

published_port() {
  quietly docker run --detach --name web --publish 8080:80 busybox httpd -f -p 80 -h /www
  until_true 60 sh -c 'curl --silent --max-time 5 http://127.0.0.1:8080/ | grep -q served'
  curl --silent --max-time 20 http://10.0.2.15:8080/ | grep -q served
  # From one container to another's published port, by the host's address.
  # (Not by wget: the static one looks for libraries that this image does not have.)
  docker run --rm busybox sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc -w 20 10.0.2.15 8080' | grep -q served
}

systemd_reload() {
  # systemd looks at every control group again; limits of containers must outlast it.
  quietly docker run --detach --name kept --memory 40m busybox sleep 600
  group=$(cgroup kept)
  systemctl daemon-reload
  systemctl start systemd-tmpfiles-clean.service
  same "$(cat "$group/memory.max")" 41943040
  same "$(cgroup kept)" "$group"
  quietly docker rm --force kept
}

# kill -9, seen from a container that goes on

engine_killed() {
  quietly docker run --detach --name counter busybox sh -c 'i=0; while true; do echo $((i = i + 1)); sleep 0.5; done'
  quietly docker run --detach --name ending busybox sh -c 'until [ -e /tmp/end ]; do sleep 0.2; done; exit 9'
  before=$(docker inspect --format '{{.State.Pid}}' counter)
  ending=$(docker inspect --format '{{.State.Pid}}' ending)
  engine=$(systemctl show --property MainPID --value bulkhead-engine)
  systemctl kill --kill-who=main --signal KILL bulkhead-engine
  # It ends while there is no engine, or just as the next one starts: the exit code must be known all the same.
  touch "/proc/$ending/root/tmp/end"
  curl --silent --max-time 20 http://127.0.0.1:8080/ | grep -q served
  until_true 120 sh -c '[ "$(docker version --format "{{.Server.Os}}" 2>/dev/null)" = linux ]'
  [ "$(systemctl show --property MainPID --value bulkhead-engine)" != "$engine" ] || fail "the engine was not killed"
  same "$(docker inspect --format '{{.State.Pid}} {{.State.Status}}' counter)" "$before running"
  until_true 20 sh -c '[ "$(docker inspect --format "{{.State.Status}} {{.State.ExitCode}}" ending)" = "exited 9" ]'
}

adopted() {
  same "$(docker exec counter echo here)" here
  lines=$(docker logs counter | wc -l)
  until_true 20 sh -c "[ \$(docker logs counter | wc -l) -gt $lines ]"
  # No line was lost while the engine was away.
  docker logs counter | awk '$1 != NR { exit 1 }'
  curl --silent --max-time 20 http://127.0.0.1:8080/ | grep -q served
  quietly docker pause counter
  quietly docker unpause counter
  quietly docker stop --time 1 counter
  same "$(docker inspect --format '{{.State.Status}}' counter)" exited
}

stop_and_start() {
  quietly docker restart --time 0 web
  until_true 60 sh -c 'curl --silent --max-time 5 http://127.0.0.1:8080/ | grep -q served'
  timeout 90 systemctl restart bulkhead-engine
  same "$(docker inspect --format '{{.State.Status}}' web)" running
  curl --silent --max-time 20 http://127.0.0.1:8080/ | grep -q served
}

no_leftovers() {
  docker ps --all --quiet | xargs -r docker rm --force >/dev/null
  state >"$work/after"
  diff "$work/before" "$work/after"
  ! curl --silent --max-time 5 http://127.0.0.1:8080/
}

engine_stop() {
  timeout 90 systemctl stop bulkhead-engine
  same "$(systemctl show --property Result --value bulkhead-engine)" success
  ! grep -iE 'fatal|crash|trap' "$log"
}

check host-cgroup2-only host_cgroup2
check host-crun host_crun
check host-conmon host_conmon
check doctor host_doctor
check engine-start engine_start
check image-load image_load
check info-says-v2 info_says_v2
check run-once run_once
check run-private-ids run_private_ids
check cgroup-namespace cgroup_namespace
check memory-visible memory_visible
check memory-enforced memory_enforced
check pids-enforced pids_enforced
check cpu-limits cpu_limits
check io-weight io_weight
check update-limits update_limits
check devices devices
check exec execute
check exec-stdin exec_stdin
check pause pause
check stats stats
check published-port published_port
check systemd-reload systemd_reload
check engine-killed engine_killed
check adopted adopted
check restart stop_and_start
check no-leftovers no_leftovers
check engine-stop engine_stop
. "$(dirname "$0")/volumes.sh"
for type in ext4 xfs; do
  for step in start holds outlasts copies ends; do check "quota-$type-$step" "quota_$step" $type; done
done
check quota-ext4-refused quota_refused
if [ $failed -gt 0 ]; then
  echo "the engine's last words:"
  tail -n 30 "$log" 2>/dev/null | sed 's/^/    /'
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
