FROM scratch
COPY --from=corpus-base /bin/busybox /bb
#: peers docker buildah
