FROM corpus-base
STOPSIGNAL SIGINT
#: peers docker buildah
