ARG V=7
FROM busybox
RUN echo "[$V]" > /out
#: peers docker buildah
