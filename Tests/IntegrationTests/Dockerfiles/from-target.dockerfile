FROM busybox AS one
RUN echo 1 > /one
FROM busybox AS two
RUN exit 1
#: peers docker buildah
#: target one
