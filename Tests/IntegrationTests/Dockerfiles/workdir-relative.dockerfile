FROM corpus-base
WORKDIR /a
WORKDIR b
WORKDIR ../c
ENV D=/d
WORKDIR $D/e
#: peers docker buildah
