FROM corpus-base
COPY link /copied
#: peers docker buildah
