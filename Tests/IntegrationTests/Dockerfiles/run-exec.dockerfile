FROM corpus-base
RUN ["/bin/sh", "-c", "echo $0 > /out", "arg zero"]
#: peers docker buildah
