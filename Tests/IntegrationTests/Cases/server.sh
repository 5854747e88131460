# Starts a server in the present folder for the rest of the case: sets BULKHEAD_SERVER and P, its port. Sourced by scripts.
getent passwd bulkhead >/dev/null ||
  useradd --system --user-group --no-create-home --shell /usr/sbin/nologin bulkhead
# The server is not root: it has to reach its folders.
chmod 0755 "$PWD"
"${CLIENT}d" server --root "$PWD/server-root" --run "$PWD/server-run" --listen 127.0.0.1:0 --without-kubernetes ${SERVER_OPTIONS:-} \
  >server.log 2>&1 &
server=$!
trap 'kill $server; wait $server || true' EXIT
export BULKHEAD_SERVER="$PWD/server-run/server/admin.sock"
until_true '[ -S "$BULKHEAD_SERVER" ] && "$CLIENT" user ls >/dev/null 2>&1 || ! kill -0 $server'
P=$(sed -n 's|.*https://127.0.0.1:\([0-9]*\).*|\1|p' server.log | head -n 1)
S="curl -sS --unix-socket $BULKHEAD_SERVER"
PW='a long password 1'
