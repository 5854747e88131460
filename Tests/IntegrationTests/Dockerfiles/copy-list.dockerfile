FROM corpus-base
COPY ["a.txt", "b.txt", "/with space/"]
#: peers docker buildah
