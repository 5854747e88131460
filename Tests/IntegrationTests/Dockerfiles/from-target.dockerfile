FROM corpus-base AS one
RUN echo 1 > /one
FROM corpus-base AS two
RUN exit 1
#: peers docker buildah
#: target one
