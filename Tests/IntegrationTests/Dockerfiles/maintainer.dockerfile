FROM busybox
MAINTAINER some body
#: peers docker buildah
