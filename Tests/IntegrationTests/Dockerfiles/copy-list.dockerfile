FROM busybox
COPY ["a.txt", "b.txt", "/with space/"]
#: peers docker buildah
