ARG V=7
FROM busybox
ARG V
RUN echo "$V" > /out
#: peers docker buildah
