FROM corpus-base
COPY dir /dir
COPY dir/ /other/
#: peers docker buildah
