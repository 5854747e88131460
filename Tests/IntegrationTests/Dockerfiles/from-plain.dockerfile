FROM busybox
#: peers docker buildah
