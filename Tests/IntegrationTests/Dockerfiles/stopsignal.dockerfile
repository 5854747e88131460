FROM busybox
STOPSIGNAL SIGINT
#: peers docker buildah
