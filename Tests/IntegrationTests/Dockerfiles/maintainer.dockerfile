FROM corpus-base
MAINTAINER some body
#: peers docker buildah
