FROM busybox
COPY dir /dir
COPY dir/ /other/
#: peers docker buildah
