FROM scratch
COPY a.txt /a.txt
#: peers docker buildah
