FROM busybox
HEALTHCHECK CMD true
HEALTHCHECK NONE
#: peers docker buildah
