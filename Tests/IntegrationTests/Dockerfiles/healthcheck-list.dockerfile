FROM corpus-base
HEALTHCHECK CMD ["true"]
#: peers docker buildah
