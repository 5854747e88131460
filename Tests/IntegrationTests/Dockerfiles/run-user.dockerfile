FROM corpus-base
RUN mkdir -m 777 /w
USER 12:34
RUN id -u > /w/uid && id -g > /w/gid
#: peers docker buildah
