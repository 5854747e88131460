FROM busybox
WORKDIR /deep/er
RUN pwd > out
#: peers docker buildah
