FROM busybox
RUN ["/bin/sh", "-c", "echo $0 > /out", "arg zero"]
#: peers docker buildah
