FROM busybox
COPY link /copied
#: peers docker buildah
