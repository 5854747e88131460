FROM corpus-base
ARG U=12
USER $U:34
#: peers docker buildah
