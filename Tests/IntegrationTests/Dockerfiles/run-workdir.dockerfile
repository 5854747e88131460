FROM corpus-base
WORKDIR /deep/er
RUN pwd > out
#: peers docker buildah
