#!/bin/sh
# Makes the cluster when there is none, then is the server. A cluster is made beside its place and moved there when it is whole,
# so that a first start that was cut off is begun anew.
set -eu

top=/var/lib/voting
data=$top/data
secret=${POSTGRES_PASSWORD_FILE:-/run/secrets/db_password}

if [ ! -d "$data" ]; then
  [ -s "$secret" ] || { echo "start-db: no password in $secret: give the service the secret db_password" >&2; exit 1; }
  new=$top/new
  rm -rf "$new"
  initdb --pgdata="$new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 >/dev/null
  echo "host all all all scram-sha-256" >>"$new/pg_hba.conf"
  # On a socket that nobody else knows, while the role and the tables are made.
  pg_ctl --pgdata="$new" --wait --silent --options="-c listen_addresses='' -c unix_socket_directories='$top'" start
  psql --quiet --no-psqlrc --host="$top" --dbname=postgres --set=ON_ERROR_STOP=1 --set=password="$(cat "$secret")" <<'SQL'
CREATE ROLE voting LOGIN PASSWORD :'password';
CREATE DATABASE votes OWNER voting;
SQL
  psql --quiet --no-psqlrc --host="$top" --dbname=votes --set=ON_ERROR_STOP=1 --file=/usr/local/share/voting/schema.sql
  pg_ctl --pgdata="$new" --wait --silent --mode=fast stop
  sync
  mv "$new" "$data"
  echo "start-db: made a new cluster" >&2
fi

exec postgres -D "$data" -c listen_addresses='*' -c unix_socket_directories="$top"
