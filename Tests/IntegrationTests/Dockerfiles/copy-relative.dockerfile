FROM corpus-base
WORKDIR /work
COPY a.txt .
COPY b.txt sub/
#: peers docker buildah
