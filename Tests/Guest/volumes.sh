# Sizes of volumes where the file system has project quotas: an engine of its own on a disk of a file. Sourced by inside.sh.
# The functions take the type of the file system.

quota_start() {
  type=$1
  modprobe loop
  modprobe quota_v2 || true
  mkdir -p "$work/$type"
  rm -f "$work/$type.img"
  truncate -s 600M "$work/$type.img"
  case $type in
    ext4) mkfs.ext4 -q -O project,quota "$work/$type.img" ;;
    xfs) mkfs.xfs -q "$work/$type.img" ;;
  esac
  mount -o loop,prjquota "$work/$type.img" "$work/$type"
  quota_engine "$type"
  (cd "$work" && docker load --input image.tar >/dev/null)
}

# Starts the engine of the disk, or starts it anew.
quota_engine() {
  export DOCKER_HOST="unix://$work/$1/run/docker.sock"
  if [ -e "$work/$1.pid" ]; then
    kill -9 "$(cat "$work/$1.pid")"
    until_true 30 sh -c "! kill -0 $(cat "$work/$1.pid") 2>/dev/null"
  fi
  setsid bulkheadd engine --root "$work/$1/root" --run "$work/$1/run" >>"$work/$1.log" 2>&1 &
  echo $! >"$work/$1.pid"
  until_true 60 sh -c '[ "$(docker version --format "{{.Server.Os}}" 2>/dev/null)" = linux ]'
}

# Bytes that a container gets into a file of a volume before it is told that there is no more room.
quota_fill() {
  docker run --rm -v "$1:/d" busybox sh -c 'dd if=/dev/zero of=/d/full bs=64k count=2000 2>/tmp/said; tail -n 1 /tmp/said >&2; grep -qiE "quota|space" /tmp/said && stat -c %s /d/full'
}

status() {
  docker volume inspect --format "{{json .Status.$2}}" "$1"
}

quota_holds() {
  export DOCKER_HOST="unix://$work/$1/run/docker.sock"
  quietly docker volume create -o size=20m small
  quietly docker volume create free
  same "$(docker volume inspect --format '{{.Options.size}}' small)" 20m
  same "$(status small LimitBytes)" 20971520
  written=$(quota_fill small)
  [ "$written" -gt 19000000 ] && [ "$written" -le 20971520 ] || fail "wrote $written bytes"
  used=$(status small UsedBytes)
  [ "$used" -ge "$written" ] && [ "$used" -le 20971520 ] || fail "used $used"
  # Others have their own room.
  docker run --rm -v free:/d busybox sh -c 'dd if=/dev/urandom of=/d/f bs=1M count=30 2>/dev/null'
  # What a container removes is free again; its files cannot leave the bound.
  docker run --rm -v small:/d busybox sh -c 'rm /d/full; dd if=/dev/urandom of=/d/f bs=1M count=10 2>/dev/null; chmod 600 /d/f'
  [ "$(status small UsedBytes)" -lt 12000000 ]
  # As many empty files as the size allows, not as many as the disk has.
  docker run --rm -v small:/d busybox sh -c 'i=0; mkdir /d/e; while [ $i -lt 12000 ]; do echo -n >/d/e/$i || break; i=$((i + 1)); done; [ $i -lt 11000 ]; rm -r /d/e' 2>/dev/null
  DOCKER_SECONDS=90 docker system df -v --format '{{json .Volumes}}' | grep -q small
  curl --silent --unix-socket "$work/$1/run/metrics.sock" http://localhost/metrics | grep -q 'bulkhead_volume_limit_bytes{volume="small"} 2.0*97152'
}

quota_outlasts() {
  quota_engine "$1"
  same "$(status small LimitBytes)" 20971520
  written=$(quota_fill small)
  [ "$written" -lt 11000000 ] || fail "wrote $written bytes beside ten million"
  docker run --rm -v small:/d busybox rm /d/full
}

quota_copies() {
  export DOCKER_HOST="unix://$work/$1/run/docker.sock"
  export BULKHEAD_HOST="$DOCKER_HOST"
  bulkhead volume snapshot small copy >/dev/null
  same "$(status copy LimitBytes)" 20971520
  written=$(quota_fill copy)
  [ "$written" -lt 11000000 ] || fail "wrote $written bytes beside ten million"
  bulkhead volume backup --output "$work/$1.tar" free
  # Thirty megabytes do not fit into twenty, and what was there stays.
  before=$(docker run --rm -v small:/d busybox sh -c 'ls /d; cat /d/* | sha256sum')
  refused 1 bulkhead volume restore --force --input "$work/$1.tar" small 2>"$work/said"
  grep -q 'size of 20971520 bytes allows' "$work/said" || fail "$(cat "$work/said")"
  head -c 30000000 /dev/zero | tr '\0' x >"$work/large"
  tar -C "$work" -c large | refused 1 bulkhead volume import --force small 2>"$work/said"
  grep -qE 'size of 20971520 bytes allows|quota' "$work/said" || fail "$(cat "$work/said")"
  same "$(docker run --rm -v small:/d busybox sh -c 'ls /d; cat /d/* | sha256sum')" "$before"
  # What fits is brought in, up to the bound, and with it.
  docker run --rm -v small:/d busybox sh -c 'dd if=/dev/urandom of=/d/g bs=1M count=9 2>/dev/null'
  bulkhead volume backup --output "$work/$1.tar" small
  bulkhead volume restore --force --input "$work/$1.tar" copy
  bulkhead volume restore --input "$work/$1.tar" third
  for volume in copy third; do
    same "$(status $volume LimitBytes)" 20971520
    docker run --rm -v $volume:/d busybox rm -f /d/full
    written=$(quota_fill $volume)
    [ "$written" -lt 2000000 ] || fail "$volume took $written bytes"
  done
}

# Numbers are given back with their volumes.
quota_ends() {
  export DOCKER_HOST="unix://$work/$1/run/docker.sock"
  quietly docker volume rm small copy third free
  same "$(ls -A "$work/$1/root/engine/volumes" 2>/dev/null || ls -A "$work/$1/root/volumes")" ""
  [ "$1" != ext4 ] || same "$(repquota_limits "$work/$1")" 0
  kill "$(cat "$work/$1.pid")"
  until_true 60 sh -c "! kill -0 $(cat "$work/$1.pid") 2>/dev/null"
  rm "$work/$1.pid"
  umount "$work/$1"
}

# How many projects have a limit, by Q_GETNEXTQUOTA (quotactl(2)).
repquota_limits() {
  python3 - "$1" <<'PYTHON'
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
folder = os.open(sys.argv[1], os.O_RDONLY)
found, project = 0, 1
while True:
    block = ctypes.create_string_buffer(80)
    if libc.syscall(443, folder, 0x800009 << 8 | 2, project, block) != 0:
        break
    limit, *_ = struct.unpack_from("<Q", block, 0)
    project = struct.unpack_from("<I", block, 68)[0]
    found += limit > 0
    project += 1
print(found)
PYTHON
}

# Mounted without the option, a size is refused with what to do.
quota_refused() {
  mount -o loop "$work/ext4.img" "$work/ext4"
  quota_engine ext4
  refused 1 docker volume create -o size=20m small 2>"$work/said"
  grep -q 'counted but not enforced: it has to be mounted with the option prjquota' "$work/said" || fail "$(cat "$work/said")"
  same "$(docker volume ls -q)" ""
  kill "$(cat "$work/ext4.pid")"
  until_true 60 sh -c "! kill -0 $(cat "$work/ext4.pid") 2>/dev/null"
  umount "$work/ext4"
}
