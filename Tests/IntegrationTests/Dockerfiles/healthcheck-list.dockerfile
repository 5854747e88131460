FROM busybox
HEALTHCHECK CMD ["true"]
#: peers docker buildah
