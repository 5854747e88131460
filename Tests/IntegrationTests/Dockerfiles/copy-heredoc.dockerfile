FROM corpus-base
ARG NAME=you
COPY <<EOF <<"RAW" /dir/
hello $NAME
EOF
hello $NAME
RAW
