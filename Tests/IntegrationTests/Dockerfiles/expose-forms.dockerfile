FROM corpus-base
EXPOSE 80 53/udp 8000-8002
ARG P=90
EXPOSE $P/tcp
#: peers docker buildah
