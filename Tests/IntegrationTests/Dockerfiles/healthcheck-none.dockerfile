FROM corpus-base
HEALTHCHECK CMD true
HEALTHCHECK NONE
#: peers docker buildah
