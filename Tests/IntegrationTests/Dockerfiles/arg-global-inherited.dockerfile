ARG V=7
FROM corpus-base
ARG V
RUN echo "$V" > /out
#: peers docker buildah
