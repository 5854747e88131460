FROM corpus-base AS make
RUN echo made > /made && mkdir /tree && echo leaf > /tree/leaf
FROM scratch
COPY --from=make /made /made
COPY --from=0 /tree /tree
#: peers docker buildah
