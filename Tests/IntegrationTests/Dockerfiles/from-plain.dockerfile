FROM corpus-base
#: peers docker buildah
